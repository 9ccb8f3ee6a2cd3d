"""Masks: 1 and 0 in any form, and never numbers of another meaning."""

import numpy as np
import pytest
import torch

from alkit.errors import PredictionError
from alkit.prediction.masks import as_mask, mask_of_shape

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
    with pytest.raises(PredictionError, match="attention must be True or 1") as raised:
        as_mask(mask, "attention")
    assert f"got {wrong:g}" in str(raised.value)


def test_a_mask_has_the_shape_of_the_rows_or_of_one_sample():
    for form in KEPT, KEPT[:, None]:
        assert mask_of_shape(form, (2, 3), KEPT.device).equal(KEPT)
    for form in KEPT[0], KEPT[:1]:
        assert mask_of_shape(form, (2, 3), KEPT.device).equal(KEPT[:1].expand(2, 3))
    assert mask_of_shape(None, (2, 3), KEPT.device) is None
    for form in KEPT[:, :1], KEPT[:, 0], KEPT[None, None]:
        with pytest.raises(PredictionError, match=r"of the shape \(2, 3\), got"):
            mask_of_shape(form, (2, 3), KEPT.device)
