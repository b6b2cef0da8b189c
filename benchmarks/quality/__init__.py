"""The quality of discovered parts against controls, peers and supervision: `python -m benchmarks.quality`."""
