"""Every error partdisc raises on purpose.

The command line turns a `PartdiscError` into one line on stderr and exit status 2 ("the user can mend it");
anything else is a bug and exits with 1. Messages say what was expected, what came, and what to do.
"""

from __future__ import annotations


class PartdiscError(Exception):
    """Base class: something the user can mend."""


class ConfigError(PartdiscError, ValueError):
    """An option, argument or configuration has an unusable value."""


class DataError(PartdiscError, ValueError):
    """Images or annotations cannot be used as they are."""


class ArtifactError(PartdiscError):
    """A run, model or feature file is missing, damaged, locked, or made by something incompatible."""


class NotFittedError(PartdiscError, ValueError, AttributeError):
    """An estimator was used before `fit`."""


class MissingDependencyError(PartdiscError, ImportError):
    """An optional package is needed; the message carries the pip line that brings it."""


class PartSupportWarning(UserWarning):
    """The images do not support as many parts as were asked for."""
