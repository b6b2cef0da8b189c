"""Methods that discover parts, under one contract."""

from partdisc.discovery.base import PartDiscoverer
from partdisc.discovery.clustering import FeatureClustering
from partdisc.discovery.dff import DeepFeatureFactorization
from partdisc.discovery.models import METHODS, create_discoverer, load_discoverer
from partdisc.discovery.scops.method import CoPartSegmentation

__all__ = [
    "METHODS",
    "CoPartSegmentation",
    "DeepFeatureFactorization",
    "FeatureClustering",
    "PartDiscoverer",
    "create_discoverer",
    "load_discoverer",
]
