"""Rows made from what models of structured tasks return, against loops over their places."""

import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError, NonFiniteError, PredictionError

G = torch.Generator().manual_seed(0)
MAPS = torch.randn(2, 3, 4, 5, generator=G)
STEPS = torch.randn(3, 4, 2, generator=G)


def rows_of(prediction, k):
    """Rows of sample k."""
    return prediction.outputs[prediction.owners == k]


def test_a_pixel_is_a_row_of_its_classes():
    prediction = al.Prediction.segmentation(MAPS, ids=[7, 3])
    assert (prediction.task, prediction.unit) == ("segmentation", "pixels")
    for k in range(2):
        expected = [MAPS[k, :, h, w] for h in range(4) for w in range(5)]
        assert rows_of(prediction, k)[:, 0].equal(torch.stack(expected))


def test_posterior_samples_of_pixels_are_the_k_axis():
    maps = torch.randn(2, 6, 3, 4, 5, generator=G)
    prediction = al.Prediction.segmentation(maps, samples=True)
    assert prediction.outputs.shape == (40, 6, 3)
    assert prediction.outputs[23].equal(maps[1, :, :, 0, 3])


def test_voxels_and_one_binary_map_are_rows_too():
    assert al.Prediction.segmentation(torch.randn(2, 3, 2, 2, 2)).outputs.shape == (16, 1, 3)
    binary = al.Prediction.segmentation(MAPS[:, :1])
    assert binary.rows().probabilities.shape == (40, 1, 2)


def test_a_mask_leaves_pixels_out_and_may_leave_none():
    mask = torch.rand(2, 4, 5, generator=G) > 0.5
    mask[1] = False
    for form in (mask, mask[:, None], mask.long(), mask.numpy()):
        prediction = al.Prediction.segmentation(MAPS, mask=form)
        assert prediction.sizes.tolist() == [int(mask[0].sum()), 0]
        assert rows_of(prediction, 0)[:, 0].equal(MAPS[0].permute(1, 2, 0)[mask[0]])
    same = al.Prediction.segmentation(MAPS, mask=mask[0])
    assert same.sizes.tolist() == [int(mask[0].sum())] * 2


def test_independent_maps_are_binary_rows():
    mask = torch.zeros(4, 5)
    mask[1, 2] = 1
    prediction = al.Prediction.segmentation(MAPS, multilabel=True, mask=mask)
    assert prediction.outputs.flatten().equal(MAPS[:, :, 1, 2].flatten())
    assert prediction.sizes.tolist() == [3, 3]


def test_a_token_is_a_row_and_padding_is_none():
    mask = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    prediction = al.Prediction.tokens(STEPS, mask=mask)
    assert prediction.unit == "tokens"
    assert prediction.sizes.tolist() == [2, 0, 4]
    assert rows_of(prediction, 0)[:, 0].equal(STEPS[0, :2])
    sampled = al.Prediction.tokens(STEPS[:, None].expand(3, 5, 4, 2), samples=True)
    assert sampled.outputs.shape == (12, 5, 2)


def test_a_keypoint_is_a_row_of_its_places_or_of_its_score():
    prediction = al.Prediction.keypoints(MAPS)
    assert prediction.outputs.equal(MAPS.reshape(6, 1, 20))
    assert prediction.sizes.tolist() == [3, 3]
    scores = torch.tensor([[0.1, 0.9, 0.5], [0.2, 0.3, 0.4]])
    prediction = al.Prediction.keypoints(scores, kind="probabilities", mask=scores > 0.15)
    assert prediction.sizes.tolist() == [2, 3]
    assert prediction.outputs.flatten().equal(scores[scores > 0.15])


IMAGES = [
    {"scores": torch.tensor([0.9, 0.4, 0.05]), "labels": torch.tensor([2, 0, 1])},
    {"scores": torch.empty(0), "labels": torch.empty(0, dtype=torch.long)},
    {"scores": torch.tensor([0.7]), "labels": torch.tensor([1])},
]


def test_a_box_is_a_binary_row_of_its_score():
    prediction = al.Prediction.detection(IMAGES, threshold=0.1)
    assert prediction.sizes.tolist() == [2, 0, 1]
    assert prediction.outputs.flatten().tolist() == pytest.approx([0.9, 0.4, 0.7])


def test_labels_of_boxes_give_columns_but_the_same_uncertainty():
    prediction = al.Prediction.detection(IMAGES, 3)
    assert prediction.outputs[0, 0].tolist() == pytest.approx([0, 0, 0.9, 0.1])
    assert prediction.outputs[1, 0].tolist() == pytest.approx([0.4, 0, 0, 0.6])
    binary = al.Prediction.detection(IMAGES)
    for criterion in al.Margin(), al.Entropy(), al.LeastConfidence(), al.Ratio():
        torch.testing.assert_close(criterion(prediction), criterion(binary))


def test_class_probabilities_of_boxes_are_taken_where_a_detector_gives_them():
    p = torch.rand(3, 4).softmax(1)
    found = [{"scores": p.amax(1), "probabilities": p}]
    prediction = al.Prediction.detection(found, threshold=float(p.amax(1).min()) + 1e-4)
    assert prediction.outputs[:, 0].equal(p[p.amax(1) > p.amax(1).min()])


def test_images_without_any_box_are_samples_without_rows():
    assert al.Prediction.detection(IMAGES[1:2] * 3).sizes.tolist() == [0, 0, 0]


@pytest.mark.parametrize("threshold", [0, 0.5])
@pytest.mark.parametrize("samples", [False, True])
def test_a_score_that_is_nan_is_no_box_below_the_threshold(threshold, samples):
    found = {"scores": torch.tensor([0.9, float("nan")]), "boxes": torch.ones(2, 4)}
    boxes = [[IMAGES[1] | {"boxes": []}], [found]] if samples else [IMAGES[1], found]
    with pytest.raises(NonFiniteError, match="image 1 contain NaN"):
        al.Prediction.detection(boxes, threshold=threshold, samples=samples)


@pytest.mark.parametrize(
    "options",
    [
        *({"num_classes": wrong} for wrong in (0, -1, True, 3.0, "3")),
        *({"threshold": wrong} for wrong in (-0.1, 50, float("nan"), "0.5", True)),
    ],
)
def test_classes_and_thresholds_that_are_none_are_refused(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        al.Prediction.detection(IMAGES, **options)


def test_names_of_classes_are_no_obstacle_where_no_class_is_read():
    assert al.Prediction.detection([{"scores": [0.5], "labels": ["cat"]}]).sizes.tolist() == [1]


def test_a_mean_and_a_variance_are_those_of_the_mixture():
    mean = torch.randn(5, 4, 2, generator=G).double()
    variance = torch.rand(5, 4, 2, generator=G).double()
    prediction = al.Prediction.regression(mean, variance, samples=True)
    expected = (variance.mean(1) + mean.var(1, correction=0)).mean(1)
    torch.testing.assert_close(al.criteria.Variance()(prediction), expected)
    torch.testing.assert_close(prediction.guesses, mean.mean(1))
    one = al.Prediction.regression(mean[:, 0, 0], variance[:, 0, 0])
    bound = al.criteria.UpperConfidenceBound(2)(one)
    torch.testing.assert_close(bound, mean[:, 0, 0] + 2 * variance[:, 0, 0].sqrt())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p.segmentation(MAPS[0]), r"\(N, C, H, W\), got \(3, 4, 5\)"),
        (lambda p: p.segmentation(MAPS, samples=True), r"\(N, K, C, H, W\), got \(2, 3, 4, 5\)"),
        (lambda p: p.segmentation(MAPS, mask=torch.ones(3, 3)), r"\(2, 4, 5\), got \(3, 3\)"),
        (lambda p: p.segmentation("maps"), "outputs must be an array"),
        (lambda p: p.tokens(MAPS), r"\(N, T, C\), got"),
        (lambda p: p.keypoints(STEPS), r"\(N, P, H, W\), got"),
        (lambda p: p.detection(MAPS), "one dict per image.* got Tensor"),
        (lambda p: p.detection([{"boxes": 1}]), "list of dict with 'boxes'"),
        (lambda p: p.detection([3]), "list of int"),
        (lambda p: p.detection(IMAGES, 2), "image 0 must be 0 .. 1, got 2.* background"),
        (lambda p: p.detection([{"scores": torch.ones(2)}], 2), "no 'labels'"),
        (lambda p: p.detection([{"scores": torch.ones(2) * 3}]), "above one"),
        (lambda p: p.detection([{"scores": [-2.0, 0.5]}]), "negative or above one, -2 to 0.5"),
        (lambda p: p.detection([{"scores": torch.ones(2, 3)}]), r"one score each, .*\(2, 3\)"),
        (lambda p: p.detection([{"scores": torch.ones(2, 1)}]), r"one score each, .*\(2, 1\)"),
        (lambda p: p.detection([{"scores": [1.0], "labels": [1, 1]}]), r"1 'scores', and 'labels'"),
        (lambda p: p.detection([{"scores": [1.0], "boxes": []}]), r"'boxes' of the shape \(0,\)"),
        (lambda p: p.detection([{"scores": [1.0], "labels": [0.5]}], 2), r"class numbers .*0\.5"),
        (
            lambda p: p.detection([{"scores": [1.0], "probabilities": torch.ones(1, 3) / 3}], 5),
            "probabilities of 3 classes, and num_classes=5",
        ),
        (
            lambda p: p.detection([{"scores": torch.ones(2), "probabilities": torch.ones(3, 2)}]),
            r"shape \(3, 2\), not \(2, C\)",
        ),
        (lambda p: p.regression(torch.ones(3), -torch.ones(3)), "exponentiate"),
        (lambda p: p.regression(torch.ones(3), torch.ones(2)), "shape of the mean"),
    ],
)
def test_other_shapes_are_refused(make, message):
    with pytest.raises(PredictionError, match=message):
        make(al.Prediction)


def test_independent_tags_of_tokens_are_binary_rows():
    mask = torch.tensor([[1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]])
    prediction = al.Prediction.tokens(STEPS, mask=mask, multilabel=True)
    assert prediction.sizes.tolist() == [2, 0, 4]
    assert prediction.outputs.flatten().equal(torch.cat([STEPS[0, 0], STEPS[2, :2].flatten()]))


def test_variances_far_smaller_than_the_mean_are_kept():
    mean = torch.tensor([1e6, 2000.0, 0.0, -3e7])
    variance = torch.full((4,), 1e-4)
    found = al.criteria.Variance()(al.Prediction.regression(mean, variance))
    assert found.tolist() == pytest.approx([1e-4] * 4, rel=1e-3)
    whole = al.Prediction.regression(torch.arange(4), torch.full((4,), 0.25))  # not cut to integers
    assert al.criteria.Variance()(whole).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("mean", "variance", "samples"),
    [
        ((6, 2), (2, 6), False),
        ((6, 2), (12,), False),
        ((6, 1), (1, 6, 2), False),
        ((6, 3, 2), (6, 2, 3), True),
        ((6, 3, 2), None, False),
        ((6, 5), None, True),
        ((6, 5), (6, 5), True),
        ((6,), (6,), True),
    ],
)
def test_shapes_that_are_not_those_of_normal_distributions_are_refused(mean, variance, samples):
    variance = None if variance is None else torch.ones(variance)
    with pytest.raises(PredictionError, match=r"(mean must|must have) .*shape"):
        al.Prediction.regression(torch.zeros(mean), variance, samples=samples)


@pytest.mark.parametrize(
    "mask",
    [
        torch.full((4, 4, 4), 0.3),  # a probability
        torch.full((4, 4, 4), -torch.inf),  # added to logits, so 0 would count
        torch.full((4, 4, 4), torch.nan),
        torch.ones(4),  # of samples, or of columns
        torch.ones(4, 4, 4, 4),
    ],
)
def test_a_mask_whose_meaning_is_not_certain_is_refused(mask):
    with pytest.raises(PredictionError, match="mask must be True, or 1, where a row counts"):
        al.Prediction.segmentation(torch.zeros(4, 2, 4, 4), mask=mask)
    al.Prediction.segmentation(torch.zeros(4, 2, 4, 4), mask=torch.ones(4, 4, 4))
