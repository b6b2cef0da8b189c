from __future__ import annotations

import numpy as np
import pytest

from partdisc.spacing import evenly


@pytest.mark.parametrize("most", range(1, 30))
def test_no_two_gaps_differ_by_more_than_one(most):
    chosen = evenly(range(23), most)
    assert len(chosen) == min(most, 23)
    assert chosen[0] == 0
    assert np.ptp(np.diff([*chosen, 23])) <= 1
