"""Published scores of pixels, boxes and tokens as formulas, against loops over the rows."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy

import alkit as al
from alkit.criteria import ClassWeight, Count, Each, MinEntropy, TopShare

G = torch.Generator().manual_seed(5)
MAPS = torch.randn(4, 3, 5, 6, generator=G).double()
TEXTS = torch.randn(4, 6, 3, generator=G).double().softmax(-1)
LENGTHS = [6, 2, 1, 4]
MASK = torch.arange(6) < torch.tensor(LENGTHS)[:, None]
PROBABILITIES = [torch.rand(n, 4, generator=G).softmax(1) for n in (3, 1, 5)]
BOXES = [{"scores": p.amax(1), "probabilities": p} for p in PROBABILITIES]
SCORES = [
    {"scores": torch.rand(n, generator=G), "labels": torch.randint(0, 3, (n,), generator=G)}
    for n in (3, 0, 5)
]


def check(scores, expected):
    assert scores.tolist() == pytest.approx([float(value) for value in expected], rel=1e-5)


def test_mean_pixel_entropy():
    p = MAPS.softmax(1).numpy()
    each = [[entropy(x[:, h, w]) for h in range(5) for w in range(6)] for x in p]
    pixels = al.Prediction.segmentation(MAPS)
    check(al.Entropy()(pixels), [np.mean(s) for s in each])
    check(Each(al.Entropy(), TopShare(0.1))(pixels), [np.mean(sorted(s)[-3:]) for s in each])


def test_total_and_mean_token_entropy_and_mnlp():
    tokens = al.Prediction.tokens(TEXTS, mask=MASK, kind="probabilities")
    texts = [p[:n].numpy() for p, n in zip(TEXTS, LENGTHS)]
    check(Each(al.Entropy(), "sum")(tokens), [entropy(p, axis=1).sum() for p in texts])
    check(al.Entropy()(tokens), [entropy(p, axis=1).mean() for p in texts])
    mnlp = [np.log(p.max(1)).sum() / len(p) for p in texts]
    check(-Each(MinEntropy())(tokens), mnlp)
    check(Each(MinEntropy(), "sum")(tokens), [-np.log(p.max(1)).sum() for p in texts])


@pytest.mark.parametrize(("reduce", "of"), [("sum", np.sum), ("mean", np.mean), ("max", np.max)])
def test_one_versus_two_of_boxes(reduce, of):
    boxes = al.Prediction.detection(BOXES)
    tops = [np.sort(p.numpy(), axis=1) for p in PROBABILITIES]
    expected = [of((1 - (p[:, -1] - p[:, -2])) ** 2) for p in tops]
    check(Each(al.Margin() * al.Margin(), reduce)(boxes), expected)


def test_a_sum_of_boxes_weighted_by_their_class():
    annotated = np.array([20, 5, 1])
    weights = (annotated.sum() + 3) / (annotated + 1)
    formula = Each(al.Margin() * ClassWeight(3, annotated.tolist()), "sum")
    expected = [
        sum(float(weights[c] * (1 - abs(2 * p - 1))) for p, c in zip(b["scores"], b["labels"]))
        for b in SCORES
    ]
    check(formula(al.Prediction.detection(SCORES, 3)), expected)


def test_the_least_confident_box_and_the_number_of_objects():
    boxes = al.Prediction.detection(SCORES)
    least = [max((min(p, 1 - p) for p in b["scores"].tolist()), default=0) for b in SCORES]
    check(Each(al.LeastConfidence(), "max")(boxes), least)
    objects = Each(lambda p: p.probabilities[:, 0, 1], Count(above=0.5))
    check(objects(boxes), [sum(p > 0.5 for p in b["scores"].tolist()) for b in SCORES])
