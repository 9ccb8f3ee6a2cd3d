"""The kit rejects selectors that break a law, and says which."""

import numpy as np
import pytest
import torch

import alkit as al
from alkit.selectors import as_selector
from alkit.testing import LawError, check_selector


def sound(scores, n, generator, prediction):
    return (torch.randperm(len(scores), generator=generator))[:n]


def repeating_a_duplicate_row(scores, n, generator, prediction):
    """Looks rows up by their features, and so finds the first of two equal rows twice."""
    wanted = prediction.features[sound(scores, n, generator, prediction)]
    equal = (prediction.features[None] == wanted[:, None]).all(-1)
    return equal.float().argmax(-1)


def one_too_few(scores, n, generator, prediction):
    return sound(scores, max(n - 1, 1), generator, prediction)


def out_of_range(scores, n, generator, prediction):
    return sound(scores, n, generator, prediction) + 1


def globally_random(scores, n, generator, prediction):
    return torch.randperm(len(scores))[:n]


def numpys_global(scores, n, generator, prediction):
    return np.random.permutation(len(scores))[:n]  # noqa: NPY002


def seeding(scores, n, generator, prediction):
    torch.manual_seed(0)
    return sound(scores, n, generator, prediction)


def unrepeatable(scores, n, generator, prediction):
    return np.random.default_rng().permutation(len(scores))[:n]


def always_the_first(scores, n, generator, prediction):
    return scores.argsort(descending=True, stable=True)[:n]


def first_and_then_by_chance(scores, n, generator, prediction):
    rest = 1 + torch.randperm(len(scores) - 1, generator=generator)
    return torch.cat([torch.tensor([0]), rest])[:n]


def in_place_on_scores(scores, n, generator, prediction):
    scores.mul_(2)
    return sound(scores, n, generator, prediction)


def in_place_on_features(scores, n, generator, prediction):
    prediction.features.add_(1)
    return sound(scores, n, generator, prediction)


def failing_on_ties(scores, n, generator, prediction):
    if len(scores.unique()) < len(scores):
        raise RuntimeError("ties")
    return sound(scores, n, generator, prediction)


class WithoutChecks(al.Selector):
    def __call__(self, scores, n, generator, prediction=None):
        return torch.zeros(min(n, len(scores)), dtype=torch.long)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (repeating_a_duplicate_row, "come twice each\n.*PicksError.*distinct ones"),
        (one_too_few, "PicksError.*got the shape"),
        (WithoutChecks(), r"exactly min\(n, N\) distinct"),
        (out_of_range, "PicksError.*got 12"),
        (globally_random, "global random state.*\n.*\n.*torch"),
        (numpys_global, "global random state.*\n.*\n.*numpy"),
        (seeding, "global random state.*\n.*\n.*torch"),
        (unrepeatable, "same generator gives the same picks"),
        (always_the_first, "ties are broken by the generator"),
        (first_and_then_by_chance, "ties are broken by the generator"),
        (in_place_on_scores, "input is left unchanged.*\n.*\n.*scores"),
        (in_place_on_features, "input is left unchanged.*\n.*\n.*features"),
        (failing_on_ties, "RuntimeError: ties"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value),
)
def test_a_faulty_selector_is_rejected_with_its_law(selector, message):
    with pytest.raises(LawError, match=message) as caught:
        check_selector(selector)
    assert repr(as_selector(selector)) in str(caught.value)


def test_a_sound_function_passes():
    check_selector(sound)
