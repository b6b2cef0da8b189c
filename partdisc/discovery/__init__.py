"""Methods that discover parts, under one contract."""

from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.clustering import FeatureClustering
from partdisc.discovery.dff import DeepFeatureFactorization
from partdisc.discovery.levels import merge_parts
from partdisc.discovery.models import METHODS, create_discoverer, load_discoverer
from partdisc.discovery.nesting import nest_parts
from partdisc.discovery.scops.method import CoPartSegmentation
from partdisc.discovery.signed_factors import ConvexFeatureFactorization, SemiFeatureFactorization
from partdisc.discovery.two_stage import TwoStageClustering
from partdisc.store.levels import PartTree

__all__ = [
    "METHODS",
    "CoPartSegmentation",
    "ConvexFeatureFactorization",
    "DeepFeatureFactorization",
    "FeatureClustering",
    "PartDiscoverer",
    "PartTree",
    "SemiFeatureFactorization",
    "TwoStageClustering",
    "create_discoverer",
    "load_discoverer",
    "merge_parts",
    "nest_parts",
]
