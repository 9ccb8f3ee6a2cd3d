"""The kit rejects selectors that break a law, and names the law."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import alkit as al
from alkit.selectors import Picks, as_selector
from alkit.testing import LawError, check_selector


def sound(candidates, n, generator):
    return torch.randperm(len(candidates), generator=generator)[:n]


def repeating_a_duplicate_row(candidates, n, generator):
    """Look up rows by their features, which finds the first of two equal rows twice."""
    wanted = candidates.features[sound(candidates, n, generator)]
    equal = (candidates.features[None] == wanted[:, None]).all(-1)
    return equal.float().argmax(-1)


repeating_a_duplicate_row.needs = {"features"}


def one_too_few(candidates, n, generator):
    return sound(candidates, max(n - 1, 1), generator)


def out_of_range(candidates, n, generator):
    return sound(candidates, n, generator) + 1


def globally_random(candidates, n, generator):
    return torch.randperm(len(candidates))[:n]


def numpys_global(candidates, n, generator):
    return np.random.permutation(len(candidates))[:n]  # noqa: NPY002


def seeding(candidates, n, generator):
    torch.manual_seed(0)
    return sound(candidates, n, generator)


def unrepeatable(candidates, n, generator):
    return np.random.default_rng().permutation(len(candidates))[:n]


def always_the_first(candidates, n, generator):
    return candidates.scores.argsort(descending=True, stable=True)[:n]


def first_and_then_by_chance(candidates, n, generator):
    rest = 1 + torch.randperm(len(candidates) - 1, generator=generator)
    return torch.cat([torch.tensor([0]), rest])[:n]


def in_place_on_scores(candidates, n, generator):
    candidates.scores.mul_(2)
    return sound(candidates, n, generator)


def in_place_on_features(candidates, n, generator):
    candidates.features.add_(1)
    return sound(candidates, n, generator)


in_place_on_features.needs = {"features"}


def in_place_on_annotated(candidates, n, generator):
    if candidates.num_annotated:
        candidates.annotated.features.add_(1)
    return sound(candidates, n, generator)


in_place_on_annotated.needs = {"features", "annotated"}


def in_place_on_labels(candidates, n, generator):
    if candidates.labels is not None:
        candidates.labels.add_(1)
    return sound(candidates, n, generator)


in_place_on_labels.needs = {"labels"}


def failing_on_ties(candidates, n, generator):
    if len(candidates.scores.unique()) < len(candidates):
        raise RuntimeError("ties")
    return sound(candidates, n, generator)


def failing_without_annotated(candidates, n, generator):
    len(candidates.annotated)
    return sound(candidates, n, generator)


failing_without_annotated.needs = {"features", "annotated"}


def failing_in_half_precision(candidates, n, generator):
    candidates.features @ torch.ones(2, 1, dtype=torch.float32)
    return sound(candidates, n, generator)


failing_in_half_precision.needs = {"features"}


def failing_on_gaps(candidates, n, generator):
    candidates.features.view(-1)
    return sound(candidates, n, generator)


failing_on_gaps.needs = {"features"}


def failing_in_double_precision(candidates, n, generator):
    candidates.scores @ torch.ones(len(candidates), dtype=torch.float32)
    return sound(candidates, n, generator)


def failing_on_posterior_samples(candidates, n, generator):
    candidates.prediction.outputs.reshape(len(candidates), 3)
    return sound(candidates, n, generator)


failing_on_posterior_samples.needs = {"outputs"}


def needing_what_it_does_not_name(candidates, n, generator):
    """The features decide if they are available."""
    picks = sound(candidates, len(candidates), generator)
    if candidates.prediction is not None:
        picks = picks[candidates.features[picks, 0].argsort(stable=True)]
    return picks[:n]


def with_unequal_chances(candidates, n, generator):
    """Returns equal probabilities."""
    left = torch.arange(len(candidates), len(candidates) - n, -1).double()
    chances = candidates.scores.double() ** 4 + 1e-9
    return Picks(torch.multinomial(chances, n, generator=generator), 1 / left)


def with_chances_among_all(candidates, n, generator):
    """Correct for the first pick only."""
    chances = torch.full((n,), 1 / len(candidates))
    return Picks(sound(candidates, n, generator), chances)


def with_chances_above_one(candidates, n, generator):
    return Picks(sound(candidates, n, generator), torch.full((n,), 1.5))


def best(candidates, n, generator):
    return al.TopK().select(candidates, n, generator)


def least_wanted_first(candidates, n, generator):
    return best(candidates, n, generator).flip(0)


def sorted_by_position(candidates, n, generator):
    return best(candidates, n, generator).sort().values


def the_most_wanted_last(candidates, n, generator):
    return best(candidates, n, generator).roll(-1)


def the_lowest_scores(candidates, n, generator):
    return best(candidates.with_scores(-candidates.scores), n, generator)


def the_lowest_scores_in_descending_order(candidates, n, generator):
    return the_lowest_scores(candidates, n, generator).flip(0)


class Reversed(al.KCenter):
    def select(self, candidates, n, generator):
        return super().select(candidates, n, generator).flip(0)


class Sorted(al.KCenter):
    def select(self, candidates, n, generator):
        return super().select(candidates, n, generator).sort().values


class SortedChance(al.Random):
    def select(self, candidates, n, generator):
        return super().select(candidates, n, generator).positions.sort().values


class IgnoresAnnotated(al.KCenter):
    """Spreads its picks, but not away from what is annotated."""

    def select(self, candidates, n, generator):
        return super().select(replace(candidates, annotated=None), n, generator)


class IgnoresLabelsAndOutputs(al.Selector):
    needs = frozenset({"features", "outputs", "labels"})

    def select(self, candidates, n, generator):
        return sound(candidates, n, generator) + 0 * len(candidates.features)


class WithoutChecks(al.Selector):
    def __call__(self, candidates, n, generator):
        return Picks(torch.zeros(min(n, len(candidates)), dtype=torch.long))


class Positions(al.Selector):
    def __call__(self, candidates, n, generator):
        return super().__call__(candidates, n, generator).positions

    def select(self, candidates, n, generator):
        return sound(candidates, n, generator)


class AsTheyCome(al.Selector):
    """Does not sort the candidates."""

    needs = frozenset()

    def __call__(self, candidates, n, generator):
        return Picks(sound(candidates, n, generator))


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (least_wanted_first, "a higher score is picked sooner\n.*n = 3 of"),
        (the_most_wanted_last, "a higher score is picked sooner\n.*n = 3 of"),
        (the_lowest_scores, "a higher score is picked sooner\n.*n = 1 of"),
        (the_lowest_scores_in_descending_order, "a higher score is picked sooner\n.*n = 1 of"),
        (sorted_by_position, "equal candidates come in random order\n.*\n.*ascending"),
        (Sorted(), "equal candidates come in random order\n.*\n.*ascending"),
        (SortedChance(), "equal candidates come in random order\n.*\n.*ascending"),
        (Reversed(), "a smaller batch is the start of a larger one"),
        (IgnoresAnnotated(), "reads what its needs name\n.*\n.*no read of annotated"),
        (IgnoresLabelsAndOutputs(), "reads what its needs name\n.*\n.*no read of labels"),
        (repeating_a_duplicate_row, "come twice each\n.*PicksError.*distinct ones"),
        (one_too_few, "PicksError.*got the shape"),
        (WithoutChecks(), r"exactly min\(n, N\) distinct"),
        (Positions(), r"exactly min\(n, N\) distinct"),
        (out_of_range, "PicksError.*got 12"),
        (globally_random, "global random state.*\n.*\n.*torch"),
        (numpys_global, "global random state.*\n.*\n.*numpy"),
        (seeding, "global random state.*\n.*\n.*torch"),
        (unrepeatable, "same generator gives the same picks"),
        (always_the_first, "ties are broken by the generator"),
        (first_and_then_by_chance, "ties are broken by the generator"),
        (in_place_on_scores, "input is left unchanged.*\n.*\n.*changed scores"),
        (in_place_on_features, "input is left unchanged.*\n.*\n.*changed features"),
        (in_place_on_annotated, "input is left unchanged.*\n.*\n.*annotated features"),
        (in_place_on_labels, "input is left unchanged.*\n.*\n.*changed labels"),
        (failing_on_ties, "RuntimeError: ties"),
        (failing_without_annotated, "nothing annotated\n.*has no len"),
        (failing_in_half_precision, "RuntimeError: expected.*same dtype"),
        (failing_in_double_precision, "in float64\n.*RuntimeError: "),
        (failing_on_posterior_samples, "K = 5 posterior samples\n.*RuntimeError: shape"),
        (failing_on_gaps, "gaps in memory\n.*RuntimeError"),
        (needing_what_it_does_not_name, "reads no more than its needs name"),
        (AsTheyCome(), "order of the candidates does not matter"),
        (with_unequal_chances, "those with which it picks\n  on: n = 1 of"),
        (with_chances_among_all, "those with which it picks\n  on: n = 12 of"),
        (with_chances_above_one, r"PicksError.*in \(0, 1\]"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value),
)
def test_a_faulty_selector_is_rejected_with_its_law(selector, message):
    with pytest.raises(LawError, match=message) as caught:
        check_selector(selector)
    assert repr(as_selector(selector)) in str(caught.value)


def test_a_sound_function_passes():
    check_selector(sound)


def test_the_callers_random_state_is_kept():
    before = torch.get_rng_state()
    check_selector(sound)
    assert torch.get_rng_state().equal(before)
