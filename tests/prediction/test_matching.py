"""Boxes of posterior samples, matched by their overlap: against sets of pixels and plain loops."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.criteria import Each
from alkit.errors import ConfigurationError, PredictionError

ANY = st.integers(0, 7)
BOX = st.tuples(ANY, ANY, st.integers(1, 5), st.integers(1, 5), st.integers(0, 2))


def dict_of(found):
    """The dict of a detector from tuples (score, label, (xmin, ymin, xmax, ymax))."""
    return {
        "boxes": torch.tensor([corners for *_, corners in found], dtype=torch.float).reshape(-1, 4),
        "scores": torch.tensor([score for score, *_ in found], dtype=torch.float),
        "labels": torch.tensor([label for _, label, _ in found], dtype=torch.long),
    }


@st.composite
def sampled(draw):
    """K lists of boxes with whole corners and scores that are all different."""
    shapes = [draw(st.lists(BOX, max_size=4)) for _ in range(draw(st.integers(1, 4)))]
    total = sum(map(len, shapes))
    scores = iter(draw(st.permutations([round((n + 1) / (total + 1), 4) for n in range(total)])))
    return [
        [(next(scores), label, (x, y, x + w, y + h)) for x, y, w, h, label in shape]
        for shape in shapes
    ]


def pixels(corners):
    left, top, right, bottom = corners
    return set(product(range(left, right), range(top, bottom)))


def overlap(one, other):
    return len(pixels(one) & pixels(other)) / len(pixels(one) | pixels(other))


def objects(samples, iou):
    """Boxes of each object by sample, ``{k: box}``: the most certain box first."""
    left = sorted(((*box, k) for k, found in enumerate(samples) for box in found), reverse=True)
    found = []
    while left:
        first = left.pop(0)
        found.append({first[3]: first})
        for k in range(len(samples)):
            near = [b for b in left if b[3] == k != first[3] and overlap(b[2], first[2]) >= iou]
            if near:
                best = max(near, key=lambda b: (b[1] == first[1], overlap(b[2], first[2]), b[0]))
                found[-1][k] = best
                left.remove(best)
    return found


@given(sampled(), st.sampled_from([0.2, 0.5, 0.75]))
def test_an_object_is_a_row_with_the_score_of_its_label_in_each_sample(samples, iou):
    boxes = [[dict_of(found) for found in samples]]
    prediction = al.Prediction.detection(boxes, samples=True, iou=iou)
    expected = []
    for found in objects(samples, iou):
        label = max(found.values())[1]
        row = [found.get(k, (0, label)) for k in range(len(samples))]
        expected.append([score if own == label else 0 for score, own, *_ in row])
    assert prediction.outputs.shape == (len(expected), len(samples), 1)
    assert prediction.outputs[..., 0].tolist() == pytest.approx(np.array(expected), abs=1e-6)


@given(sampled())
def test_with_classes_a_sample_keeps_its_label_and_a_missing_box_is_none_of_these(samples):
    boxes = [[dict_of(found) for found in samples]]
    prediction = al.Prediction.detection(boxes, 3, samples=True)
    for row, found in zip(prediction.outputs, objects(samples, 0.5), strict=True):
        for k in range(len(samples)):
            score, label = found[k][:2] if k in found else (0, 0)
            expected = torch.zeros(4)
            expected[label], expected[3] = score, 1 - score
            torch.testing.assert_close(row[k], expected)


@given(sampled(), st.integers(2, 4))
def test_samples_that_agree_do_not_disagree_about_any_box(samples, k):
    boxes = [[dict_of(samples[0])] * k, [dict_of([])] * k]
    prediction = al.Prediction.detection(boxes, samples=True)
    assert prediction.sizes.tolist() == [len(samples[0]), 0]
    assert Each(al.BALD(), "max")(prediction).tolist() == pytest.approx([0, 0], abs=1e-6)
    alone = Each(al.Entropy(), "sum")(al.Prediction.detection([dict_of(samples[0])]))
    torch.testing.assert_close(Each(al.Entropy(), "sum")(prediction)[:1], alone)


@given(sampled(), st.randoms(use_true_random=False))
def test_the_order_of_the_samples_and_of_their_boxes_does_not_matter(samples, random):
    order = random.sample(range(len(samples)), len(samples))
    shuffled = [random.sample(samples[k], len(samples[k])) for k in order]
    one, other = (
        al.Prediction.detection([[dict_of(found) for found in part]], samples=True).outputs
        for part in (samples, shuffled)
    )
    assert other.equal(one[:, order])


LEFT, RIGHT = (0, 0, 10, 10), (20, 0, 30, 10)


@pytest.mark.parametrize(
    "disagreeing",
    [
        [[(0.95, 1, LEFT)], [], [(0.95, 1, LEFT)], []],
        [[(0.95, 1, LEFT)], [(0.95, 2, LEFT)], [(0.95, 1, LEFT)], [(0.95, 2, LEFT)]],
        [[(0.95, 1, LEFT)], [(0.95, 1, RIGHT)], [(0.95, 1, LEFT)], [(0.95, 1, RIGHT)]],
        [[(0.95, 1, LEFT)], [(0.05, 1, LEFT)], [(0.95, 1, LEFT)], [(0.05, 1, LEFT)]],
    ],
    ids=["there or not", "label", "place", "score"],
)
@pytest.mark.parametrize("classes", [None, 3])
def test_samples_that_disagree_outrank_an_uncertain_box_on_which_they_agree(disagreeing, classes):
    agreeing = [[(0.5, 1, (k, 0, 10 + k, 10))] for k in range(4)]
    boxes = [[dict_of(found) for found in part] for part in (agreeing, disagreeing)]
    prediction = al.Prediction.detection(boxes, classes, samples=True)
    scores = Each(al.BALD(), "max")(prediction)
    assert scores[0] < 1e-6
    assert scores[1] > 0.4


def test_a_sample_adds_a_box_of_the_same_label_before_one_that_overlaps_more():
    one, other = [(0.95, 1, LEFT)], [(0.6, 2, LEFT), (0.3, 1, (1, 0, 11, 10))]
    boxes = [[dict_of(one), dict_of(other)]]
    prediction = al.Prediction.detection(boxes, samples=True)
    expected = torch.tensor([[0.95, 0.3], [0, 0.6]])
    torch.testing.assert_close(prediction.outputs[..., 0], expected)


def test_class_probabilities_are_those_of_each_sample():
    p = torch.rand(2, 3, generator=torch.Generator().manual_seed(0)).softmax(1)
    found = [dict_of([(0.9, 0, LEFT)]) | {"probabilities": row[None]} for row in p]
    for each in found:
        del each["labels"]
    none = {name: part[:0] for name, part in found[0].items()}
    prediction = al.Prediction.detection([[*found, none]], samples=True)
    expected = torch.cat([torch.cat([p, torch.zeros(2, 1)], 1), torch.eye(4)[3:]])
    torch.testing.assert_close(prediction.outputs[0], expected)


def test_boxes_below_the_threshold_are_not_matched():
    found = [dict_of([(score, 1, LEFT)]) for score in (0.9, 0.2, 0.6)]
    prediction = al.Prediction.detection([found], samples=True, threshold=0.5)
    assert prediction.outputs.flatten().tolist() == pytest.approx([0.9, 0, 0.6])


ONE = dict_of([(0.9, 1, LEFT)])


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([ONE, ONE], "one list of K dicts per image, got list of dict"),
        (ONE, "one list of K dicts per image, got dict"),
        ([[ONE], [ONE, ONE]], "the same K posterior samples.* got 1 and 2"),
        ([[], []], "the same K posterior samples.* got 0"),
        ([[{"scores": ONE["scores"]}]], r"1 boxes of image 0 need their corners.* got none"),
        ([[ONE | {"boxes": torch.ones(2, 4)}]], r"image 0 has 1 'scores', and 'boxes' .*\(2, 4\)"),
        ([[ONE | {"labels": torch.ones(3)}]], r"image 0 has 1 'scores', and 'labels' .*\(3,\)"),
        ([[ONE | {"boxes": torch.ones(1, 5)}]], r"image 0 need .* got the shape \(1, 5\)"),
        ([[ONE | {"boxes": [[9, 9, 3, 4]]}]], r"their corners, .* \[9.0, 9.0, 3.0, 4.0\] are not"),
        ([[ONE | {"boxes": [[0, 0, 9, float("nan")]]}]], "boxes of image 0 contain NaN"),
        ([[ONE, ONE | {"probabilities": torch.ones(1, 1)}]], "image 0 have unequal columns"),
    ],
)
def test_other_boxes_are_refused(boxes, message):
    with pytest.raises(PredictionError, match=message):
        al.Prediction.detection(boxes, samples=True)


@pytest.mark.parametrize("iou", [0, -1, 1.5, float("nan"), "half"])
def test_an_overlap_is_a_share(iou):
    with pytest.raises(ConfigurationError, match=r"iou must be a number in \(0, 1\]"):
        al.Prediction.detection([[ONE]], samples=True, iou=iou)
