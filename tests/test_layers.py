"""A module imports only from layers below its own."""

from __future__ import annotations

import ast
from pathlib import Path

import partdisc

PACKAGE = Path(partdisc.__file__).parent

# top to bottom, as in docs/architecture.md; units of one row do not import each other
LAYERS = [
    ["cli"],
    ["runs"],
    ["discovery"],
    ["foreground", "refinement"],
    ["features", "factorization"],
    ["data", "metrics", "render"],
    ["store"],
    ["parts", "scores", "geometry", "processes", "rows"],
    ["progress", "threads", "allocator", "spacing", "checks"],
    ["errors"],
]
RANK = {unit: len(LAYERS) - row for row, units in enumerate(LAYERS) for unit in units}
ROOT_MODULES = {"__init__", "__main__"}  # the public face and the `python -m` door see everything


def imported_units(path: Path) -> set[str]:
    units = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "partdisc" else [module]
        units |= {name.split(".")[1] for name in names if name.startswith("partdisc.")}
    return units


def test_modules_import_only_from_lower_layers():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        unit = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if unit in ROOT_MODULES:
            continue
        for other in imported_units(path) - {unit, "__version__"}:
            if RANK[other] >= RANK[unit]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {other}")
    assert not wrong, wrong


def test_metrics_and_render_know_only_masks():
    allowed = {"parts", "scores", "store", "geometry", "progress", "checks", "errors"}
    for unit in ("metrics", "render"):
        for path in (PACKAGE / unit).rglob("*.py"):
            assert imported_units(path) - {unit, "__version__"} <= allowed, path


def test_there_is_no_utils():
    assert not [p for p in PACKAGE.rglob("*") if p.stem in ("utils", "util", "helpers")]
