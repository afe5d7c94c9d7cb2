"""The local control socket: how a screen in another process sees the stage and asks things of it. JSON lines, no pickle."""
