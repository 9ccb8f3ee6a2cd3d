"""Each criterion on each task: it works, or it is refused by an error; the docs have the table."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import alkit as al
from alkit import criteria
from alkit.errors import AlkitError

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "declare_the_outputs.md"
G = torch.Generator().manual_seed(0)


def randn(*shape):
    return torch.randn(*shape, generator=G)


def boxes(n):
    """Boxes of K = 3 posterior samples, each in its own place."""
    corners = 9 * torch.arange(n)[:, None] + torch.tensor([0, 0, 8, 8])
    labels = torch.arange(n) % 2
    return [
        {"scores": torch.rand(n, generator=G), "labels": labels, "boxes": corners} for _ in range(3)
    ]


MAKE = al.Prediction
TASKS = {
    "classes": MAKE(randn(6, 3, 4), kind="logits"),
    "two classes": MAKE(randn(6, 3, 1), kind="logits", task="binary"),
    "labels": MAKE(randn(6, 3, 4), task="multilabel"),
    "one number": MAKE(randn(6, 3, 1), kind="values"),
    "numbers": MAKE(randn(6, 3, 2), kind="values"),
    "pixels": MAKE.segmentation(randn(6, 3, 4, 5, 5), samples=True),
    "a number per pixel": MAKE.segmentation(randn(6, 3, 1, 5, 5), kind="values", samples=True),
    "tokens": MAKE.tokens(randn(6, 3, 5, 4), samples=True, mask=torch.ones(6, 5).tril()),
    "keypoints": MAKE.keypoints(randn(6, 3, 2, 4, 4), samples=True),
    "boxes": MAKE.detection([boxes(n) for n in (3, 0, 1, 2, 4, 1)], 4, samples=True),
}
TASKS = {name: replace(part, features=randn(6, 2)) for name, part in TASKS.items()}
ARGUMENTS = {
    "ClassWeight": (4, (5, 1, 2, 0)),
    "ExpectedImprovement": (0.5,),
    "UpperConfidenceBound": (2,),
    "HeadScore": (torch.nn.Linear(2, 1),),
}
COMPOSED = "Composite Criterion Each Maximum Minimum MinMax Rank Schedule Tempered Transform ZScore"
LEAVES = {
    name: kind
    for name, kind in ((name, getattr(criteria, name)) for name in criteria.__all__)
    if isinstance(kind, type)
    and issubclass(kind, criteria.Criterion)
    and name not in COMPOSED.split()
}


def outcome(name: str, task: str) -> str:
    """How a criterion scores the samples of a task; "no" if an error refuses it."""
    prediction = TASKS[task]
    try:
        of_targets = name in ("CoreMSE", "EPIG")
        arguments = (prediction,) if of_targets else ARGUMENTS.get(name, ())
        scores = LEAVES[name](*arguments)(prediction)
    except AlkitError as error:
        return "no" if len(str(error)) > 40 else f"refused without a reason: {error}"
    assert scores.shape == (6,)
    assert scores.isfinite().all()
    return "mean" if prediction.unit and LEAVES[name].scores_rows else "yes"


def table() -> str:
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in LEAVES:
        groups.setdefault(tuple(outcome(name, task) for task in TASKS), []).append(f"`{name}`")
    lines = [f"| criterion | {' | '.join(TASKS)} |", f"| --- |{' --- |' * len(TASKS)}"]
    lines += [f"| {', '.join(names)} | {' | '.join(row)} |" for row, names in groups.items()]
    return "\n".join(lines)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", LEAVES)
def test_each_criterion_scores_each_task_or_refuses_it(name, task):
    result = outcome(name, task)
    assert result in ("yes", "mean", "no")
    if task in ("pixels", "tokens", "keypoints", "labels") and result == "mean":
        assert outcome(name, "classes" if task != "labels" else "two classes") == "yes"


def test_the_docs_have_the_table():
    text = PAGE.read_text(encoding="utf-8")
    assert table() in text, f"paste this into {PAGE.name}:\n{table()}"
