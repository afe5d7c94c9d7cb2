"""Who floods: `python -m tests.fuzz.osc_flooder PORT RATE_HZ SECONDS ADDRESS=LAST ...`: all addresses in turn, then their last values."""

import socket
import struct
import sys
import time

from realtime.osc.packet import encode

AGAIN, AGAIN_S = 20, 0.1


def flood(port: int, rate_hz: float, seconds: float, last: dict[str, float]) -> int:
    """Send; return how many packets that were."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        heads = [encode(path, (0.0,))[:-4] for path in last]
        values = [struct.pack(">f", -number / 100.0) for number in range(97)]
        sent = 0
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < seconds:
            # Not more than a burst at a time, or a machine that was held up would be flooded faster than was asked for.
            for _ in range(min(int(passed_s * rate_hz) - sent, 500)):
                sender.send(heads[sent % len(heads)] + values[sent % len(values)])
                sent += 1
            time.sleep(0.0002)
        # While the reader still has a full buffer before it the system drops what comes, these too; nobody can have what it drops.
        for _ in range(AGAIN):
            for head, value in zip(heads, last.values(), strict=True):
                sender.send(head + struct.pack(">f", value))
            sent += len(heads)
            time.sleep(AGAIN_S)
    return sent


if __name__ == "__main__":
    wanted = {path: float(value) for path, _, value in (word.partition("=") for word in sys.argv[4:])}
    print(flood(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), wanted))
