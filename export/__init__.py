"""The door from studio to stage: a trained run becomes a verified patch."""
