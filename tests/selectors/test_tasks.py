"""Each selector on each task: it keeps the laws, or it refuses by an error with a reason."""

from dataclasses import replace

import pytest
import torch
from torch import Generator

import alkit as al
from alkit import selectors
from alkit.errors import AlkitError
from alkit.selectors import Candidates, Selector

G = Generator().manual_seed(3)
ORDER = torch.tensor([3, 1, 5, 0, 4, 2])


def randn(*shape):
    return torch.randn(*shape, generator=G)


def boxes(n):
    return {"scores": torch.rand(n, generator=G), "labels": torch.arange(n) % 2}


MAKE = al.Prediction
TASKS = {
    "classes": MAKE(randn(6, 3, 4), kind="logits"),
    "two classes": MAKE(randn(6, 3, 1), kind="logits", task="binary"),
    "labels": MAKE(randn(6, 3, 4), task="multilabel"),
    "one number": MAKE(randn(6, 3, 1), kind="values"),
    "numbers": MAKE(randn(6, 3, 2), kind="values"),
    "pixels": MAKE.segmentation(randn(6, 3, 4, 5, 5), samples=True),
    "tokens": MAKE.tokens(randn(6, 5, 4), mask=torch.ones(6, 5).tril()),
    "keypoints": MAKE.keypoints(randn(6, 2, 4, 4)),
    "boxes": MAKE.detection([boxes(n) for n in (0, 3, 1, 2, 4, 1)]),
}
IDS, FEATURES = torch.tensor([30, 2, 17, 5, 11, 8]), randn(6, 2)
TASKS = {name: replace(part, ids=IDS, features=FEATURES) for name, part in TASKS.items()}
EXAMPLES = {
    "FacilityLocationMutualInformation": [selectors.FacilityLocationMutualInformation([0])],
    "GreedySampling": [selectors.GreedySampling(rule) for rule in ("iGS", "GSx", "GSy")],
    "Mix": [selectors.Mix((0.3, al.Random()), (0.7, al.TopK()))],
    "PerGroup": [selectors.PerGroup(torch.arange(40) % 3)],
    "Prefilter": [selectors.Prefilter(2, al.KCenter())],
}
NEED_A_HEAD = {"ALFAMix", "DropQuery", "ExpectedErrorReduction", "Refine"}
REFUSE_ROWS = {
    "BAIT", "Balanced", "BatchBALD", "Dcom", "Falcun", "GreedySampling", "PerClass", "ProbCover",
}  # fmt: skip


def leaves():
    for name in selectors.__all__:
        kind = getattr(selectors, name)
        if isinstance(kind, type) and issubclass(kind, Selector) and kind is not Selector:
            yield from EXAMPLES.get(name) or [kind()]


def picked(selector, candidates):
    return selector(candidates, 3, Generator().manual_seed(1)).positions


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("selector", list(leaves()), ids=repr)
def test_a_selector_picks_whatever_the_order_or_refuses_the_task(selector, task):
    prediction = TASKS[task]
    criterion = al.criteria.Variance() if prediction.kind == "values" else al.Margin()
    candidates = Candidates(criterion(prediction), prediction)
    positions, reason = torch.empty(0), ""
    try:
        positions = picked(selector, candidates)
    except AlkitError as error:
        reason = str(error)
    if reason:
        assert len(reason) > 60
        allowed = NEED_A_HEAD if task in ("classes", "two classes") else REFUSE_ROWS | NEED_A_HEAD
        assert type(selector).__name__ in allowed
        return
    assert len(set(positions.tolist())) == 3
    assert ORDER[picked(selector, candidates[ORDER])].equal(positions)
