"""MIDI: wires in and out, what they say, and what that moves. It knows the control core's addresses, not the engine."""
