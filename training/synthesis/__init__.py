"""Sounds made by rule: one file per texture, each with named parameters in 0..1; it does not know files or folders."""
