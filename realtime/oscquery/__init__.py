"""OSCQuery: other programs find the instrument on the network and read its addresses by themselves. It knows no deck and no sound."""
