"""The laws of selectors, for every class in ``__all__``."""

import inspect
from functools import partial

import pytest
import torch
from pretended_gpu import on_gpu, pretended

import alkit as al
from alkit import selectors
from alkit.selectors import Selector
from alkit.testing import check_selector
from alkit.testing.candidates import examples_for

GROUPS = torch.arange(100) % 3  # groups of the ids in the kit
# name -> instances, for classes that need arguments
EXAMPLES = {
    "ActiveFT": lambda kind: [kind(steps=20)],
    "FacilityLocation": lambda kind: [kind(), kind(avoided=[0])],
    "FacilityLocationMutualInformation": lambda kind: [kind([0])],
    "GreedySampling": lambda kind: [kind(), kind("GSx"), kind("GSy")],
    "Mix": lambda kind: [kind((0.3, al.Random()), (0.7, al.TopK()))],
    "PerGroup": lambda kind: [kind(GROUPS)],
    "Prefilter": lambda kind: [kind(2, al.Random())],
    "Refine": lambda kind: [kind([al.TopK(), al.KCenter()], batches=4, passes=2, first=5)],
}


def _leaves():
    for name in selectors.__all__:
        value = getattr(selectors, name)
        if isinstance(value, type) and issubclass(value, Selector) and value is not Selector:
            for example in EXAMPLES.get(name, lambda kind: [kind()])(value):
                yield pytest.param(example, id=repr(example))


SPACES = [
    selectors.Given(torch.zeros(9, 2), metric="cosine"),
    selectors.Whitened(selectors.Frozen(torch.nn.Identity(), normalize=False)),
]


def _over_spaces():
    """Every selector with a space, in spaces that do not change with training and whitened ones."""
    for name in selectors.__all__:
        kind = getattr(selectors, name)
        if not isinstance(kind, type) or not issubclass(kind, Selector):
            continue
        if "space" not in inspect.signature(kind).parameters or kind is selectors.ALFAMix:
            continue  # ALFAMix reads its space for large batches only
        make = partial(kind, [0]) if name == "FacilityLocationMutualInformation" else kind
        for space in SPACES:
            yield pytest.param(make(space=space), id=f"{name} in {space!r}")
    for space in (selectors.Whitened(), selectors.Inputs()):
        yield pytest.param(al.KCenter(space), id=f"KCenter in {space!r}")
    fixed = selectors.Inputs()
    composed = selectors.Mix((0.5, al.KCenter(fixed)), (0.5, al.selectors.TypiClust(space=fixed)))
    yield pytest.param(composed, id="Mix")
    yield pytest.param(al.Prefilter(2, al.KCenter(fixed), by=al.KCenter()), id="Prefilter")


@pytest.mark.parametrize("selector", list(_over_spaces()))
def test_selectors_keep_the_laws_in_spaces_that_do_not_change_with_training(selector):
    check_selector(selector)


@pytest.mark.parametrize("selector", list(_leaves()))
def test_every_selector_keeps_the_laws(selector):
    check_selector(selector)


@pytest.mark.parametrize("selector", list(_leaves()))
def test_every_selector_states_its_cost(selector):
    assert "O(" in type(selector).__doc__


@pytest.mark.parametrize("selector", list(_leaves()))
def test_every_selector_prints_as_it_is_made(selector):
    assert repr(selector).startswith(f"{type(selector).__name__}(")


ON_GPU = ["12 candidates", "12 candidates, nothing annotated", "features in float16"]
ON_GPU += ["K = 5 posterior samples"]


@pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")
@pytest.mark.parametrize(
    "selector", [*_leaves(), *(each for each in _over_spaces() if "ActiveFT" not in str(each.id))]
)
def test_every_selector_picks_the_same_on_a_gpu(selector):
    for on, candidates in examples_for(selector):
        if on not in ON_GPU:
            continue
        expected = selector(candidates, 4, torch.Generator().manual_seed(7)).positions
        with pretended():
            moved = on_gpu(candidates)
            picks = selector(moved, 4, torch.Generator().manual_seed(7)).positions
        assert picks.device.type == "cpu"
        assert picks.tolist() == expected.tolist(), on
