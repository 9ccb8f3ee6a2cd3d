"""Without processes; with two, see ``strategies/test_joining.py``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import distributed

from alkit import processes


def test_with_one_process_nothing_is_shared():
    assert (processes.world(), processes.rank(), processes.is_led()) == (1, 0, False)
    batch = [3, 1, 2]
    assert processes.share(batch) is processes.share_of_batch(batch) is batch
    assert processes.weight_of_share(3) == 1
    assert processes.exchanged("a", "here") == ["a"]
    assert processes.from_first(lambda: 1, "here") == processes.led(lambda: 1, "here") == 1
    with pytest.raises(ZeroDivisionError):
        processes.led(lambda: 1 / 0, "here")


@given(st.integers(1, 40), st.integers(1, 7))
def test_the_weighted_mean_over_shares_is_that_of_the_batch(size, world):
    values = [float(k * k) for k in range(size)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributed, "is_initialized", lambda: True)
        patch.setattr(distributed, "get_world_size", lambda: world)
        shares, weights = [], []
        for rank in range(world):
            patch.setattr(distributed, "get_rank", lambda rank=rank: rank)
            shares.append(processes.share_of_batch(values))
            weights.append(processes.weight_of_share(size))
    if size < world:
        assert all(len(share) == 1 for share in shares)
        assert {value for (value,) in shares} == set(values)
    else:
        assert sorted(value for share in shares for value in share) == values
    means = [w * sum(s) / len(s) for w, s in zip(weights, shares, strict=True)]
    assert sum(means) / world == pytest.approx(sum(values) / size)
