"""Every test here may ask for a server over a control core that it turns by hand."""

from tests.realtime.oscquery import hand_server

core, receiver, log, server = hand_server.core, hand_server.receiver, hand_server.log, hand_server.server
