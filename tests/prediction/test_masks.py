"""Masks: 1 and 0 in any form, and never numbers of another meaning."""

import numpy as np
import pytest
import torch

from alkit.errors import PredictionError
from alkit.prediction.checks import as_mask

KEPT = torch.tensor([[True, False, True], [False, False, True]])


@pytest.mark.parametrize(
    "form", [lambda m: m, torch.Tensor.long, torch.Tensor.float, torch.Tensor.numpy,
             torch.Tensor.tolist, lambda m: m.to(torch.int8)],
)  # fmt: skip
def test_true_and_one_count(form):
    assert as_mask(form(KEPT)).equal(KEPT)


@pytest.mark.parametrize("wrong", [-1e9, -np.inf, 2, 0.5, np.nan])
def test_another_number_is_refused(wrong):
    mask = KEPT.float()
    mask[0, 1] = wrong
    with pytest.raises(PredictionError, match="attention must be True, or 1") as raised:
        as_mask(mask, "attention")
    assert f"got {wrong:g}" in str(raised.value)
