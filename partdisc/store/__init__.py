"""Every format partdisc keeps on disk is written and read here."""
