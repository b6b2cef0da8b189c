"""Methods that discover parts, under one contract."""

from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.clustering import FeatureClustering
from partdisc.discovery.dff import DeepFeatureFactorization
from partdisc.discovery.models import METHODS, create_discoverer, load_discoverer

__all__ = [
    "METHODS",
    "DeepFeatureFactorization",
    "FeatureClustering",
    "PartDiscoverer",
    "create_discoverer",
    "load_discoverer",
]
