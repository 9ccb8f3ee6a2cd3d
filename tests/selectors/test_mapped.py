"""Every selector picks from a mapped file in half precision what it picks from rows in memory."""

import numpy as np
import pytest
import torch
from several_spaces import SPACES

import alkit as al
from alkit import selectors, storage
from alkit.selectors import Selector
from alkit.selectors.geometry import lazy

N, D, C, KNOWN = 400, 20, 4, 12
EXAMPLES = {
    "ActiveFT": lambda kind: [kind(steps=5), kind(steps=5, sample=None)],
    "BAIT": lambda kind: [kind(pca=5), kind(pca=None, binary=True)],
    "Dcom": lambda kind: [kind(radius=0.5)],
    "FacilityLocation": lambda kind: [kind(), kind(avoided=[0])],
    "FacilityLocationMutualInformation": lambda kind: [kind([0])],
    "GreedySampling": lambda kind: [kind(), kind("GSx"), kind("GSy")],
    "Mix": lambda kind: [kind((0.5, al.TopK()), (0.5, al.KCenter()))],
    "PerGroup": lambda kind: [kind(np.arange(N) % 3, al.KCenter())],
    "Prefilter": lambda kind: [kind(4, al.KCenter())],
    "Refine": lambda kind: [kind([al.TopK(), al.KCenter()], batches=4, passes=2, first=50)],
}


def _all():
    for name in selectors.__all__:
        kind = getattr(selectors, name)
        if isinstance(kind, type) and issubclass(kind, Selector) and kind is not Selector:
            for example in EXAMPLES.get(name, lambda kind: [kind()])(kind):
                yield pytest.param(example, id=repr(example))
    for space in SPACES:
        for kind in (al.KCenter, al.KMeansPlusPlus):
            yield pytest.param(kind(space=space), id=f"{kind.__name__} in {space!r}")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Rows that float16 holds, around centers, with duplicates; bfloat16 rounds them further."""
    generator = torch.Generator().manual_seed(0)
    centers = 3 * torch.randn(6, D, generator=generator)
    x = centers[torch.randint(6, (N,), generator=generator)] + torch.randn(
        N, D, generator=generator
    )
    x[50:60] = x[40:50]
    path = tmp_path_factory.mktemp("rows") / "x.npy"
    np.save(path, x.half().numpy())
    return np.load(path, mmap_mode="r")


def picked(selector, embeddings):
    generator = torch.Generator().manual_seed(1)
    probabilities = torch.randn(N, C, generator=generator).softmax(1)
    head = torch.nn.Linear(D, C)
    with torch.no_grad():
        for weights in head.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator))
    if isinstance(selector, selectors.BatchBALD):
        probabilities = torch.randn(N, 3, C, generator=generator).softmax(2)
    return list(
        al.select(
            7,
            probabilities=probabilities,
            embeddings=embeddings,
            annotated=range(0, N, N // KNOWN + 1),
            labels=torch.arange(KNOWN) % C,
            head=head,
            selector=selector,
            seed=3,
        )
    )


@pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")
@pytest.mark.parametrize("selector", [*_all()])
def test_picks_do_not_depend_on_where_the_rows_are_or_in_what_precision(
    selector, rows, monkeypatch
):
    half = torch.from_numpy(np.array(rows))
    expected = picked(selector, half.float())
    of_bfloat16 = picked(selector, half.bfloat16().float())
    monkeypatch.setattr(lazy, "LARGE", 0)
    monkeypatch.setattr(lazy, "BLOCK", 100 * D)
    assert picked(selector, half.float()) == expected
    assert picked(selector, rows) == expected
    assert picked(selector, torch.from_numpy(rows.copy())) == expected
    assert picked(selector, half.bfloat16()) == of_bfloat16


@pytest.mark.parametrize("kind", ["probabilities", "logits"])
def test_mapped_outputs_in_half_precision_are_scored_in_float32(kind, tmp_path, monkeypatch):
    outputs = torch.randn(N, C, generator=torch.Generator().manual_seed(0))
    outputs = (outputs.softmax(1) if kind == "probabilities" else outputs).half()
    np.save(tmp_path / "p.npy", outputs.numpy())
    mapped = torch.from_numpy(np.load(tmp_path / "p.npy", mmap_mode="c"))
    monkeypatch.setattr(storage, "SMALL", 0)
    monkeypatch.setattr(storage, "free_memory", lambda device: 0)
    ours, theirs = (al.Prediction(p, kind=kind) for p in (mapped, outputs.float()))
    assert torch.equal(al.Entropy()(ours), al.Entropy()(theirs))
