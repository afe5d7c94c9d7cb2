"""Every test here may ask for a server over a control core that it turns by hand."""

from tests.realtime.oscquery import hand_server

core, receiver, log, traffic = hand_server.core, hand_server.receiver, hand_server.log, hand_server.traffic
server = hand_server.server
