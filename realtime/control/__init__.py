"""The control core: what can be asked of the stage, by whom, and when. It knows the engine's two doors, no socket and no port."""
