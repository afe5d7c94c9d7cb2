"""Recording: what was heard, in memory for a minute and on disk for as long as asked. It knows the taps, not the engine and no protocol."""
