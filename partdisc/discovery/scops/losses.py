"""The losses of SCOPS (Hung et al., "SCOPS: Self-Supervised Co-Part Segmentation", CVPR 2019).

A network R maps an image to K + 1 part probabilities R(k, u) at each cell u, the first for the background. Every
loss is a mean over images of what stands in one image, itself a mean over valid cells, parts or channels. So none
depends on the batch size, on the shape of the image or on K, and several processes that each take a part of the
batch agree with one that takes all. The published weights were made for other reductions and do not carry over.

`valid` (B, 1, h, w) in [0, 1] says how much each cell counts: zero in padding and where a warp brought in
the outside.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from partdisc.geometry.moments import EMPTY, areas, centroids, spreads


def concentration(parts: Tensor, valid: Tensor | None = None) -> Tensor:
    """Geometric concentration: mean over parts of Σᵤ ‖u − cₖ‖² R(k, u) / Σᵤ R(k, u).

    Args:
        parts: (B, K, h, w) probabilities of the parts, without the background.
        valid: (B, 1, h, w).

    Returns:
        A scalar >= 0, in squared half long sides; 0 where every part is a point.
    """
    return spreads(parts, valid).mean()


def divergence(logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Divergence of maps, KL(target ‖ R), summed over parts.

    Equivariance is KL(T(R(x)) ‖ R(T(x))); agreement with labels L of x is KL(L ‖ R(x)) and KL(T(L) ‖ R(T(x))).

    Args:
        logits: (B, K + 1, h, w) of R, before the softmax.
        target: (B, K + 1, h, w) probabilities; no gradient flows into them.
        valid: (B, 1, h, w).

    Returns:
        A scalar >= 0, in nats; 0 where the maps agree.
    """
    target = target.detach().to(logits.dtype)
    found = torch.xlogy(target, target) - target * F.log_softmax(logits, dim=1)
    return per_image_mean(found.sum(dim=1, keepdim=True), valid)


def centroid_equivariance(parts: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Equivariance of centroids: ‖c(R(T(x))) − c(T(R(x)))‖², mean over parts.

    Both centroids are taken over the valid cells, so that a part cut by the border does not count as moved. A part
    that is as good as absent from an image counts accordingly little.

    Args:
        parts: (B, K, h, w) part probabilities of the warped image.
        target: (B, K, h, w) warped part probabilities of the image.
        valid: (B, 1, h, w).

    Returns:
        A scalar >= 0, in squared half long sides.
    """
    distance = (centroids(parts, valid) - centroids(target, valid)).square().sum(dim=-1)
    with torch.no_grad():
        present = torch.minimum(areas(parts, valid), areas(target, valid))
    return (distance * present / (present + 100 * EMPTY)).mean()


def semantic_consistency(
    features: Tensor,
    parts: Tensor,
    basis: Tensor,
    valid: Tensor | None = None,
    foreground: Tensor | None = None,
) -> Tensor:
    """Semantic consistency: ‖m(u) V(u) − Σₖ R(k, u) wₖ‖², mean over channels.

    The basis must be non-negative; the background rebuilds nothing, so where the foreground m is 0, parts cost. The
    square is multiplied out, so that nothing of the features' size is made.

    Args:
        features: (B, C, h, w) deep features V >= 0, scaled to a mean square of about 1.
        parts: (B, K, h, w) part probabilities.
        basis: (K, C) part vectors w.
        valid: (B, 1, h, w).
        foreground: (B, 1, h, w) in [0, 1]; None means 1.

    Returns:
        A scalar >= 0; 0 where the features equal the rebuilt ones.
    """
    with torch.autocast(features.device.type, enabled=False):  # differences of large numbers
        V, R = (maps.to(parts.dtype).permute(0, 2, 3, 1) for maps in (features, parts))
        w = basis.to(parts.dtype)
        products, length = V @ w.T, torch.linalg.vector_norm(V, dim=-1).square()
        if foreground is not None:
            m = foreground.permute(0, 2, 3, 1)
            products, length = products * m, length * m[..., 0].square()
        distance = length + (R * (R @ (w @ w.T) - 2 * products)).sum(dim=-1)
        return per_image_mean((distance.clamp(min=0) / V.shape[-1])[:, None], valid)


def orthonormality(basis: Tensor) -> Tensor:
    """Orthonormality of the basis: ‖ŴŴᵀ − I‖² for unit rows Ŵ, over the K (K − 1) pairs.

    Args:
        basis: (K, C) part vectors.

    Returns:
        A scalar >= 0; 0 where no two rows have anything in common, and for K = 1.
    """
    unit = F.normalize(basis, dim=1)
    K = len(basis)
    products = unit @ unit.T
    return (products - torch.diag(products.diagonal())).square().sum() / max(1, K * (K - 1))


def foreground_agreement(logits: Tensor, foreground: Tensor, valid: Tensor | None = None) -> Tensor:
    """Agreement with a given foreground: KL(m ‖ 1 − R(0, u)); not in the paper.

    Args:
        logits: (B, K + 1, h, w) before the softmax, the background first.
        foreground: (B, 1, h, w) in [0, 1].
        valid: (B, 1, h, w).

    Returns:
        A scalar >= 0, in nats; 0 where the parts together are the foreground.
    """
    m = foreground.to(logits.dtype)
    log_background, log_parts = logits[:, :1], logits[:, 1:].logsumexp(dim=1, keepdim=True)
    log_total = torch.logaddexp(log_background, log_parts)
    entropy = torch.xlogy(m, m) + torch.xlogy(1 - m, 1 - m)
    agreement = m * (log_parts - log_total) + (1 - m) * (log_background - log_total)
    return per_image_mean(entropy - agreement, valid)


def per_image_mean(values: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean over images of each image's mean over its valid cells; an image without any counts as 0.

    Args:
        values: (B, 1, h, w).
        valid: (B, 1, h, w) in [0, 1]; None means 1.
    """
    if valid is None:
        return values.mean()
    weight = valid.to(values.dtype)
    total = weight.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1e-6)
    return (values * (weight / (total * len(weight)))).sum()
