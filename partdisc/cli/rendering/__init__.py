"""What `partdisc render` draws: where its pictures come from, and one function for each figure."""
