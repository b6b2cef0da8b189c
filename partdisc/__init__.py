"""partdisc discovers the parts of objects without labels."""

__version__ = "0.1.0.dev0"
