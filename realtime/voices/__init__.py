"""Voices: the code that turns one kind of patch into sound. They know no ring, no process and no device."""
