"""The rows of the bench: controls, supervision, peers, ours, and the settings of ours that were tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from benchmarks.quality import controls, ours, peers
from benchmarks.quality.candidates import CANDIDATES
from benchmarks.quality.features import DEFAULT, LAST, FeatureKind, feature_kind
from benchmarks.quality.sets import BenchSet
from benchmarks.quality.tasks import Labelled, Task
from partdisc.runs.settings import DiscoverSettings

OURS = "ours"  # the row of the default settings


@dataclass(frozen=True)
class Row:
    """One way to label the images of a set.

    Attributes:
        name: in files and options.
        title: in tables.
        kind: "control", "ceiling", "supervised", "peer" or "ours".
        label: gives the labels of a group.
        features: what it reads, or None.
        seeds: how many seeds make sense; None: as many as asked for.
        settings: of `discover`, for rows that are ours.
        package: the package that does the work, whose version belongs to the result.
        sets: the only sets it is made for, where it takes long; None: all.
    """

    name: str
    title: str
    kind: str
    label: Callable[..., Labelled]
    features: FeatureKind | None = None
    seeds: int | None = None
    settings: Mapping[str, Any] | None = field(default=None)
    package: str | None = None
    sets: tuple[str, ...] | None = None

    def __call__(self, task: Task) -> Labelled:
        """Label the images of a task."""
        return self.label(task) if self.settings is None else self.label(task, self.settings)

    def fits(self, bench: BenchSet) -> bool:
        """Whether the row is made for the set, and the set has what it needs."""
        wanted = self.sets is None or bench.name in self.sets
        return wanted and (self.kind != "supervised" or bench.train is not None)

    @property
    def feature_kind(self) -> FeatureKind | None:
        """The features it reads."""
        return self.features if self.settings is None else feature_kind(self.settings)

    def identity(self) -> dict[str, Any]:
        """What decides its result besides images and seed; equal rows of two names share theirs."""
        found: dict[str, Any] = {"label": self.label.__name__}
        if self.settings is not None:
            found |= {"settings": asdict(DiscoverSettings(1, **self.settings)), "code": ours.code_digest()}
        if self.features is not None:
            found["features"] = asdict(self.features)
        return found | ({"version": package_version(self.package)} if self.package else {})


def package_version(package: str) -> str | None:
    """The installed version, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _ours(name: str, title: str, kind: str = "ours", **settings: Any) -> Row:
    return Row(name, title, kind, ours.discover_parts, settings=settings)


ROWS = (
    _ours(OURS, "**partdisc, default settings**"),
    _ours(
        "ours_two_stage",
        "partdisc, two-stage within the foreground",
        method="two-stage",
        foreground="auto",
    ),
    _ours("ours_dff", "partdisc, dff without foreground", method="dff", foreground="none"),
    _ours("ours_dff_auto", "partdisc, dff within the foreground", method="dff", foreground="auto"),
    _ours("ours_kmeans", "partdisc, kmeans without foreground", method="kmeans", foreground="none"),
    _ours("ours_kmeans_auto", "partdisc, kmeans within the foreground", method="kmeans", foreground="auto"),
    Row(
        "ours_scops", "partdisc, scops (trained) within the foreground", "ours", ours.discover_parts,
        settings={"method": "scops", "foreground": "auto"}, sets=("carparts",),
    ),
    Row("dff_paper", "DFF as in the paper", "peer", peers.dff_of_the_paper, LAST),
    Row("grad_cam", "pytorch-grad-cam, DFF", "peer", peers.grad_cam, LAST, seeds=1, package="grad-cam"),
    Row("overcomplete", "Overcomplete, NMF", "peer", peers.overcomplete_nmf, DEFAULT, package="overcomplete"),
    Row("sklearn_nmf", "scikit-learn, NMF", "peer", peers.scikit_learn_nmf, DEFAULT, package="scikit-learn"),
    Row(
        "sklearn_kmeans", "scikit-learn, k-means", "peer", peers.scikit_learn_kmeans, DEFAULT, package="scikit-learn"
    ),
    Row("grid", "grid of K + 1 cells", "control", controls.grid, seeds=1),
    Row("random_patches", "random patches", "control", controls.random_patches),
    Row("color_kmeans", "k-means of colours", "control", controls.color_kmeans),
    Row(
        "grid_in_foreground", "grid within our foreground", "control", ours.grid_in_foreground, settings={}
    ),
    Row("linear_probe", "*supervised* linear probe", "supervised", controls.linear_probe, DEFAULT),
    Row("ceiling", "*ceiling* of the features' grid", "ceiling", controls.resolution_ceiling, DEFAULT, seeds=1),
)  # fmt: skip
OPTIONAL_ROWS = (  # made only when named
    _ours("ours_semi_nmf_auto", "partdisc, semi-nmf within the foreground", method="semi-nmf", foreground="auto"),
    _ours(
        "ours_convex_nmf_auto", "partdisc, convex-nmf within the foreground", method="convex-nmf", foreground="auto"
    ),
)  # fmt: skip
CANDIDATE_ROWS = tuple(
    Row(f"candidate: {c.name}", c.name, "candidate", ours.discover_parts, seeds=1, settings=c.settings)
    for c in CANDIDATES
)


def find_row(name: str) -> Row:
    """A row by its name."""
    return next(row for row in (*ROWS, *OPTIONAL_ROWS, *CANDIDATE_ROWS) if row.name == name)
