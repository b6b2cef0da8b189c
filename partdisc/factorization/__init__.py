"""Factorizations and clustering of rows of features; knows nothing of images.

X (M, C) ≈ W (M, K) H (K, C): W are the activations, H the basis.
"""

from partdisc.factorization.blocks import RowBlocks, TensorBlocks
from partdisc.factorization.convex_nmf import ConvexNMF
from partdisc.factorization.engine import Factorization
from partdisc.factorization.estimator import NMF
from partdisc.factorization.kmeans import KMeans
from partdisc.factorization.many import Problem, factorize_many
from partdisc.factorization.nmf import non_negative_factorization
from partdisc.factorization.semi_nmf import SemiNMF

__all__ = [
    "NMF",
    "ConvexNMF",
    "Factorization",
    "KMeans",
    "Problem",
    "RowBlocks",
    "SemiNMF",
    "TensorBlocks",
    "factorize_many",
    "non_negative_factorization",
]
