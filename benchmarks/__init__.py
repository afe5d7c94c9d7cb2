"""Whole-system benchmarks: `python -m benchmarks NAME`. They measure; tests decide."""
