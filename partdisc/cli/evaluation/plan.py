"""How to score: the protocol, and what the user wants otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from partdisc.data.annotations import AnnotationSet
from partdisc.errors import ConfigError
from partdisc.metrics.matching import MatchRule
from partdisc.metrics.protocols import EvaluationProtocol, get_protocol

SCOPES = ("dataset", "category", "class", "image")


@dataclass(frozen=True)
class Plan:
    """How to score; None means what the protocol says.

    Attributes:
        protocol: name of a protocol.
        assignment, by: of the matching.
        scope: "dataset", "category" (the super-category where the set has any, else the class), "class",
            "image"; None: "category" for sets with super-categories under the protocol partdisc, else "dataset".
        background: for predictions without label 0, see `PartEvaluator`.
        ignore_unlabelled: leave out pixels without a part label.
        partial_annotation: the annotation does not cover the object.
        controls: also score the controls.
        bootstrap: number of draws, 0 for no intervals.
        unit: what is drawn: "declared" units where the set has any, or always the "image".
        seed: of the controls and the bootstrap.
        limit: only the first so many images.
    """

    protocol: str = "partdisc"
    assignment: str | None = None
    by: str | None = None
    scope: str | None = None
    background: str | int = "auto"
    ignore_unlabelled: bool = False
    partial_annotation: bool = False
    controls: bool = True
    bootstrap: int = 1000
    unit: str = "declared"
    seed: int = 0
    limit: int | None = None

    @property
    def rules(self) -> EvaluationProtocol:
        """The protocol itself."""
        return get_protocol(self.protocol)

    @property
    def match_rule(self) -> MatchRule:
        """The protocol's matching, with what was given instead."""
        rules = self.rules
        by = self.by if self.by is not None or self.assignment is not None else rules.by
        return MatchRule(self.assignment or rules.assignment, by, "none", rules.background_class)

    def scope_for(self, annotations: AnnotationSet) -> str:
        """The scope, decided."""
        if self.scope is not None:
            if self.scope not in SCOPES:
                raise ConfigError(f"Expected a scope of {', '.join(SCOPES)}, but got {self.scope!r}.")
            return self.scope
        return "category" if annotations.super_parts and self.protocol == "partdisc" else "dataset"
