from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def scene():
    """An image (60, 80, 3) with three parts: a large one, a small one inside it, one at the edge."""
    rng = np.random.default_rng(0)
    image = rng.integers(60, 200, (60, 80, 3), dtype=np.uint8)
    labels = np.zeros((60, 80), np.uint8)
    labels[10:50, 10:50] = 1
    labels[25:33, 25:33] = 2
    labels[:12, 66:] = 3
    return image, labels
