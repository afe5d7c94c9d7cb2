"""What one server allows its clients, all together and each: constants, and nothing else.

They bound memory (connections times what one may hold) and the share of a core that a hostile client can take from the
rest of Python; the sound does not run in Python and is not at stake.
"""

CONNECTIONS = 128
"""Open at once, of any kind. A tool that reads the tree node by node opens a handful."""
LISTENERS = 48
"""WebSockets open at once, of the connections: more than a stage has controllers; the rest stays free for plain requests."""
SOCKET_BACKLOG = 1_024
"""Connections the system may hold for us. Where a crowd fills it, everybody else's next attempt is a second later."""
HEAD_BYTES = 16_384
"""Request line and headers of one request. Browsers send 1 to 2 kB."""
PATH_CHARACTERS = 2_048
"""The target of a request. The longest address is far shorter."""
OPEN_TIMEOUT_S = 5.0
"""For a connection to say what it wants."""
CLOSE_TIMEOUT_S = 1.0
PING_S = 20.0
"""A listener that has vanished is noticed within twice this."""
MESSAGE_BYTES = 16_384
"""One WebSocket message, or its sender is closed: twice the longest OSC packet and the longest command, which are refused one by one."""
COMMAND_CHARACTERS = 8_192
"""A LISTEN or IGNORE in JSON."""
REFUSALS = 100
"""Messages that made no sense before a WebSocket is closed."""
SUBSCRIPTIONS = 4_096
"""Addresses one client may listen to."""
REPLIES = 256
"""Answers that wait for one client; more are not taken."""
MESSAGES_PER_S = 1_000.0
"""From one WebSocket. What comes faster waits in the sender's own queue: nothing is lost."""
ALL_MESSAGES_PER_S = 4_000.0
"""From all of them together, shared evenly."""
NODES_PER_S = 20_000.0
"""Described for plain requests, over all clients: about a sixth of a core (7.5 µs each)."""
REQUEST_NODES = 50
"""What a request costs before the first node: to accept and close a connection takes as long as to describe so many (0.4 ms)."""
LONGEST_WAIT_S = 2.0
"""For a plain request when too many come; then it is refused."""
FEEDBACK_S = 1.0 / 30.0
"""A value that changes faster is sent as it stands this often."""
SEND_BUFFER_BYTES = 65_536
"""The system's buffer of one connection. Small, so that a slow reader gets what is true now and not what was seconds ago."""
SEND_BYTES = 65_536
"""Waiting in our own buffer; above it values are kept back, the latest of each, until the client has read."""
STALLED_S = 10.0
"""A client that reads nothing for so long is dropped."""
CHANGED_PATHS = 16
"""PATH_CHANGED messages for one change of the namespace; more are said as one, for the root."""
