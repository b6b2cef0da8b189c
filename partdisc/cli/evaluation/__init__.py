"""What `partdisc evaluate` does: a run, an annotated set and a protocol brought together."""
