import runpy
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "detection.py"
PLACES = 20.0 * torch.arange(4)[:, None] + torch.tensor([0, 0, 10, 10])


def image(places, scores=None, labels=None):
    found = {"boxes": PLACES[places].reshape(-1, 4)}
    found["labels"] = torch.tensor(labels or [1] * len(places))
    return found | ({} if scores is None else {"scores": torch.tensor(scores)})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (image([0, 1], [0.9, 0.8]), 1),
        (image([1], [0.8]), 1 / 2),
        (image([0, 2, 1], [0.9, 0.8, 0.7]), (1 + 2 / 3) / 2),  # the second is nowhere
        (image([0, 0, 1], [0.9, 0.8, 0.7]), (1 + 2 / 3) / 2),  # the second is there already
        (image([0, 1], [0.9, 0.8], [1, 2]), 1 / 2),  # the second is of another class
        (image([], []), 0),
    ],
)
def test_the_average_precision_is_that_of_a_ranking(found, expected):
    average_precision = runpy.run_path(str(SCRIPT))["average_precision"]
    assert average_precision([found], [image([0, 1])], 1) == pytest.approx(expected)


def test_the_boxes_of_all_images_are_ranked_together():
    average_precision = runpy.run_path(str(SCRIPT))["average_precision"]
    found = [image([0, 1], [0.9, 0.8]), image([3], [0.95])]  # the most certain one is nowhere
    targets = [image([0, 1]), image([2])]
    assert average_precision(found, targets, 1) == pytest.approx((2 / 3 + 2 / 3) / 3)
