"""Masks, ids and variances that could be read in two ways are refused."""

import pytest
import torch

import alkit as al
from alkit.errors import PredictionError

G = torch.Generator().manual_seed(0)
MAPS = torch.randn(4, 3, 4, 4, generator=G)  # as many samples as rows and columns
STEPS = torch.randn(4, 4, 2, generator=G)
POINTS = torch.randn(4, 4, generator=G)
MAKE = al.Prediction
FOUND = [{"scores": torch.tensor([0.5])}]


@pytest.mark.parametrize(
    "make",
    [
        lambda: MAKE.segmentation(MAPS, mask=torch.ones(4)),
        lambda: MAKE.tokens(STEPS, mask=torch.ones(4)),
        lambda: MAKE.keypoints(POINTS, mask=torch.ones(4)),
        lambda: MAKE.segmentation(MAPS, mask=torch.ones(4, 2)),
        lambda: MAKE.segmentation(MAPS, mask=torch.ones(4, 4, 4, 4, 4)),
        lambda: MAKE.segmentation(torch.randn(2, 3, 4, 4, 4), mask=torch.ones(4, 4)),
    ],
)
def test_a_mask_that_may_be_of_samples_or_of_places_is_refused(make):
    with pytest.raises(PredictionError, match="of the shape"):
        make()


@pytest.mark.parametrize("values", [[0, -100], [1, 255], [0.3, 0.9], [0, 2], [float("nan"), 1]])
def test_labels_and_weights_are_no_mask(values):
    mask = torch.tensor(values)[torch.arange(16).view(4, 4) % 2]
    for make, x in ((MAKE.segmentation, MAPS), (MAKE.tokens, STEPS), (MAKE.keypoints, POINTS)):
        with pytest.raises(PredictionError, match=r"True, or 1, .* mask=labels != -100"):
            make(x, mask=mask)


def test_a_mask_per_sample_has_its_axes_written():
    some = torch.tensor([True, False, True, True])
    assert MAKE.segmentation(MAPS, mask=some[:, None, None]).sizes.tolist() == [16, 0, 16, 16]
    assert MAKE.tokens(STEPS, mask=some[:, None]).sizes.tolist() == [4, 0, 4, 4]
    assert MAKE.segmentation(MAPS, mask=some[None, :].expand(4, 4)).sizes.tolist() == [12] * 4


@pytest.mark.parametrize("ids", [[5], [5, 6, 7, 8, 9], [5, 6, 7, 7]])
@pytest.mark.parametrize(
    "make",
    [
        lambda ids: MAKE.segmentation(MAPS, ids=ids),
        lambda ids: MAKE.tokens(STEPS, ids=ids),
        lambda ids: MAKE.keypoints(POINTS, ids=ids),
        lambda ids: MAKE.detection(FOUND * 4, ids=ids),
        lambda ids: MAKE.regression(torch.ones(4), ids=ids),
    ],
)
def test_there_is_one_id_per_sample(make, ids):
    with pytest.raises(PredictionError, match=r"expected 4 ids, one per sample|appears twice"):
        make(ids)


@pytest.mark.parametrize(
    ("mean", "variance"),
    [((5, 2), (2, 5)), ((6, 1), (2, 3)), ((4,), (2, 2)), ((2, 3, 4), (2, 4, 3)), ((2, 2), (4,))],
)
def test_a_variance_of_another_shape_is_refused(mean, variance):
    with pytest.raises(PredictionError, match="in the shape of the mean"):
        MAKE.regression(torch.ones(mean), torch.ones(variance), samples=len(mean) == 3)


@pytest.mark.parametrize(("mean", "variance"), [((5,), (5, 1)), ((5, 1), (5,)), ((1, 3), (3,))])
def test_an_axis_of_length_one_may_be_left_out(mean, variance):
    values = torch.arange(1.0, 1 + torch.Size(variance).numel())
    prediction = MAKE.regression(torch.zeros(mean), values.view(variance))
    outputs = prediction.outputs
    assert outputs is not None
    torch.testing.assert_close(outputs.var(1, correction=0).flatten(), values.double())


@pytest.mark.parametrize(("shape", "samples"), [((5, 4), True), ((5,), True), ((5, 4, 2), False)])
def test_posterior_samples_of_numbers_are_declared_and_have_three_axes(shape, samples):
    with pytest.raises(PredictionError, match=r"mean must be .* got"):
        MAKE.regression(torch.ones(shape), samples=samples)


def test_no_rows_at_all_are_samples_without_rows():
    options: dict = {"ids": [4, 2], "owners": []}
    assert al.Margin()(MAKE(torch.empty(0, 1, 3), **options)).tolist() == [0, 0]
