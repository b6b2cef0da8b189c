"""partdisc discovers the parts of objects without labels.

    import partdisc

    run = partdisc.discover("images/", "RUN", num_parts=4)

Names are imported when first used, so that `import partdisc` is quick.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

_PUBLIC = {
    "CoPartSegmentation": "partdisc.discovery",
    "ConvexFeatureFactorization": "partdisc.discovery",
    "DeepFeatureFactorization": "partdisc.discovery",
    "FeatureClustering": "partdisc.discovery",
    "KMeans": "partdisc.factorization",
    "NMF": "partdisc.factorization",
    "PartEvaluator": "partdisc.metrics",
    "PartMaps": "partdisc.parts",
    "PartNames": "partdisc.parts",
    "PartOverlay": "partdisc.render.overlay",
    "PartdiscError": "partdisc.errors",
    "SemiFeatureFactorization": "partdisc.discovery",
    "TwoStageClustering": "partdisc.discovery",
    "create_backbone": "partdisc.features",
    "create_discoverer": "partdisc.discovery",
    "decode_image": "partdisc.data",
    "discover": "partdisc.runs",
    "discover_by_folder": "partdisc.runs",
    "extract_features": "partdisc.features",
    "list_backbones": "partdisc.features",
    "load_collection": "partdisc.store.collection",
    "load_discoverer": "partdisc.discovery",
    "load_run": "partdisc.store.run",
    "match_parts": "partdisc.metrics",
    "merge_parts": "partdisc.discovery",
    "nest_parts": "partdisc.discovery",
    "non_negative_factorization": "partdisc.factorization",
    "part_iou": "partdisc.metrics",
    "show": "partdisc.cli.rendering.notebook",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'partdisc' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
