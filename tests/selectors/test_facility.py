"""Facility location and its two forms, against all subsets and the plain greedy."""

from itertools import combinations

import numpy as np
import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError
from alkit.selectors.facility import FacilityLocation, FacilityLocationMutualInformation
from alkit.testing import check_selector


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def cosines(a, b):
    a, b = (x / x.norm(dim=1, keepdim=True) for x in (a, b))
    return (a @ b.T).clamp(min=0).double().numpy()


def candidates(features, known=None, labels=None):
    annotated = None if known is None else al.Prediction(features=known)
    labels = None if labels is None else torch.tensor(labels)
    return al.Candidates(
        prediction=al.Prediction(features=features), annotated=annotated, labels=labels
    )


def check_greedy(picks, value, total):
    """Each pick adds as much as any other could; equal gains are ties."""
    for m in range(len(picks)):
        values = [value([*picks[:m], i]) for i in range(total) if i not in picks[:m]]
        assert value(picks[: m + 1]) >= max(values) - 1e-5


@pytest.mark.parametrize("annotated", [0, 3])
@pytest.mark.parametrize("seed", range(3))
def test_the_picks_are_those_of_the_plain_greedy_and_near_the_best_of_all(annotated, seed):
    x = torch.randn(11, 4, generator=generator(seed))
    known = torch.randn(annotated, 4, generator=generator(9)) if annotated else None
    similar = cosines(x, x)
    before = cosines(x, known).max(1) if annotated else np.zeros(11)

    def value(picks):
        return np.maximum(similar[:, list(picks)].max(1), before).sum() - before.sum()

    picks = FacilityLocation()(candidates(x, known), 3, generator()).positions.tolist()
    check_greedy(picks, value, 11)
    best = max(value(subset) for subset in combinations(range(11), 3))
    assert value(picks) >= (1 - 1 / np.e) * best - 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_what_is_like_wanted_samples_is_picked_as_by_the_plain_greedy(seed):
    x = torch.randn(11, 4, generator=generator(seed))
    known = torch.randn(5, 4, generator=generator(9))
    labels = [0, 1, 2, 1, 0]
    wanted = cosines(known[[1, 3]], x)

    def value(picks):
        part = wanted[:, list(picks)]
        return part.max(1).sum() + part.max(0).sum()

    selector = FacilityLocationMutualInformation([1])
    picks = selector(candidates(x, known, labels), 4, generator()).positions.tolist()
    check_greedy(picks, value, 11)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_like_avoided_samples_does_not_count(seed):
    x = torch.randn(11, 4, generator=generator(seed))
    known = torch.randn(5, 4, generator=generator(9))
    labels = [0, 1, 2, 1, 0]
    similar, avoided = cosines(x, x), cosines(x, known[[0, 2, 4]]).max(1)

    def value(picks):
        return np.maximum(similar[:, list(picks)].max(1) - avoided, 0).sum()

    selector = FacilityLocation(avoided=[0, 2])
    picks = selector(candidates(x, known, labels), 4, generator()).positions.tolist()
    check_greedy(picks, value, 11)


def test_a_rare_class_is_found_by_two_samples_of_it():
    directions = torch.eye(3)
    classes = torch.tensor([0] * 45 + [1] * 45 + [2] * 10)
    x = directions[classes] + 0.1 * torch.randn(100, 3, generator=generator())
    known, labels = directions + 0.05, [0, 1, 2]
    rare = FacilityLocationMutualInformation([2])(candidates(x, known, labels), 8, generator())
    assert classes[rare.positions].tolist() == [2] * 8
    others = FacilityLocation(avoided=[0, 1])(candidates(x, known, labels), 3, generator())
    assert int(classes[others.positions[0]]) == 2


def test_over_a_sample_the_picks_are_still_spread():
    x = torch.eye(4).repeat(50, 1)
    picks = FacilityLocation(sample=40)(candidates(x), 4, generator()).positions
    assert sorted((picks % 4).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "selector",
    [
        FacilityLocation(),
        FacilityLocation(sample=5),
        FacilityLocation(avoided=[0]),
        FacilityLocationMutualInformation([1]),
    ],
    ids=repr,
)
def test_it_keeps_the_laws(selector):
    check_selector(selector)


@pytest.mark.parametrize("wrong", [[], "01", [0.5], ["a"]])
def test_wrong_class_numbers_raise(wrong):
    with pytest.raises(ConfigurationError, match="class"):
        FacilityLocationMutualInformation(wrong)
    with pytest.raises(ConfigurationError, match="class"):
        FacilityLocation(avoided=wrong)


def test_a_sample_of_none_raises():
    with pytest.raises(ConfigurationError, match="sample"):
        FacilityLocation(sample=0)


def test_they_print_as_they_are_made():
    assert repr(FacilityLocation()) == "FacilityLocation()"
    assert repr(FacilityLocation(sample=None)) == "FacilityLocation(sample=None)"
    assert repr(FacilityLocationMutualInformation([1, 2])) == (
        "FacilityLocationMutualInformation([1, 2])"
    )
