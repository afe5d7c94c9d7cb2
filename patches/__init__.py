"""The contract between studio and stage: folders that play.

Knows files, names and numbers. Does not know audio, models or arrays: standard library and platformdirs only.
"""
