"""Open Sound Control: datagrams in, requests to the control core, answers and feedback out. It knows the core, nothing behind it."""
