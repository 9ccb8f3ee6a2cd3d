from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import alkit as al
from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors import Candidates
from alkit.selectors.quotas import Balanced, PerClass, PerGroup, turns
from alkit.testing import check_selector

CAMERAS = np.array(list("aaaaabbbcc"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def guessed(classes, num_classes=3, **options):
    """Candidates with these predicted classes; the first of a class has its highest score."""
    outputs = 5 * torch.eye(num_classes)[classes]
    return Candidates(-torch.arange(float(len(classes))), al.Prediction(outputs), **options)


def groups_of(selector, candidates, n, groups, seed=0):
    positions = selector(candidates, n, generator(seed)).positions.tolist()
    return [groups[position] for position in positions]


def splits(n, sizes):
    return [x for x in product(*(range(size + 1) for size in sizes)) if sum(x) == n]


@pytest.mark.parametrize(
    "selector",
    [
        PerGroup(lambda ids: ids % 2, al.Random()),
        PerGroup(np.array(["x", "y"] * 50), quotas={"x": 1, "y": 1}),
    ],
    ids=repr,
)
def test_the_laws_hold_with_a_function_and_with_quotas(selector):
    check_selector(selector)


SIZES = st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any)


@given(SIZES, st.integers(1, 16), st.lists(st.integers(0, 6), min_size=4, max_size=4))
def test_turns_level_the_counts_as_far_as_the_groups_reach(sizes, n, held):
    n, held = min(n, sum(sizes)), held[: len(sizes)]
    counts = Counter(turns(n, sizes, held, [1.0] * len(sizes), generator()))
    ours = sum((held[g] + counts[g]) ** 2 for g in range(len(sizes)))
    best = min(sum((h + x) ** 2 for h, x in zip(held, split)) for split in splits(n, sizes))
    assert all(counts[g] <= size for g, size in enumerate(sizes))
    assert ours == best


@given(SIZES, st.integers(1, 16), st.lists(st.integers(1, 6), min_size=4, max_size=4))
@example([4, 4], 4, [5, 1, 1, 1])
def test_turns_come_as_close_to_the_proportions_as_whole_numbers_can(sizes, n, weights):
    n, weights = min(n, sum(sizes)), weights[: len(sizes)]
    counts = Counter(turns(n, sizes, [0] * len(sizes), weights, generator()))

    def apart(split):  # the objective of the Sainte-Lague method
        return sum(x * x / w for x, w in zip(split, weights))

    ours = apart([counts[g] for g in range(len(sizes))])
    assert ours == pytest.approx(min(map(apart, splits(n, sizes))))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any), st.integers(0, 9))
@settings(max_examples=30)
def test_quotas_that_sum_to_n_are_met_exactly(quotas, seed):
    counts = Counter(turns(sum(quotas), [50] * len(quotas), [0] * 5, quotas, generator(seed)))
    assert [counts[g] for g in range(len(quotas))] == quotas


def test_who_is_first_among_equal_groups_is_random_and_their_turns_alternate():
    firsts = Counter()
    for seed in range(300):
        order = turns(7, [5] * 3, [0] * 3, [1] * 3, generator(seed))
        assert set(order[:3]) == set(order[3:6]) == {0, 1, 2}
        firsts[order[0]] += 1
    assert min(firsts[group] for group in range(3)) > 70


@pytest.mark.parametrize(("n", "expected"), [(6, "aabbcc"), (9, "aaaabbbcc")])
def test_every_group_gives_as_many_and_what_one_lacks_the_others_give(n, expected):
    for seed in range(10):
        picked = groups_of(PerGroup(CAMERAS), Candidates(torch.arange(10.0)), n, CAMERAS, seed)
        assert sorted(picked) == list(expected)


def test_inside_a_group_the_highest_scores_are_picked_first():
    picks = PerGroup(CAMERAS)(Candidates(torch.arange(10.0)), 6, generator()).positions.tolist()
    assert [p for p in picks if CAMERAS[p] == "a"] == [4, 3]
    assert [p for p in picks if CAMERAS[p] == "b"] == [7, 6]
    assert set(CAMERAS[picks[:3]]) == set("abc")


@pytest.mark.parametrize(
    "groups",
    [
        CAMERAS,
        CAMERAS.tolist(),
        CAMERAS.astype(object),
        torch.arange(10) // 4,
        lambda ids: ids // 4,
    ],
)
def test_groups_may_be_any_vector_or_a_function_and_are_looked_up_by_id(groups):
    candidates = Candidates(torch.zeros(4), ids=torch.tensor([1, 3, 8, 9]))
    for seed in range(5):
        positions = PerGroup(groups)(candidates, 2, generator(seed)).positions
        assert (positions < 2).sum() == 1


def test_quotas_are_proportions():
    candidates = Candidates(torch.arange(10.0))
    for quotas, expected in [
        ({"a": 3, "b": 1, "c": 0}, {"a": 3, "b": 1}),
        ({"a": 0.25, "b": 0.5, "c": 0.25}, {"a": 1, "b": 2, "c": 1}),
        ({"a": 0, "b": 0, "c": 9}, {"c": 2, "a": 1, "b": 1}),
    ]:
        selector = PerGroup(CAMERAS, quotas=quotas)
        assert Counter(groups_of(selector, candidates, 4, CAMERAS)) == Counter(expected)


def test_another_selector_chooses_inside_a_group_and_gets_what_it_needs():
    seen = []

    class Mine(al.Selector):
        needs = frozenset({"features", "annotated"})

        def select(self, candidates, n, generator):
            seen.append((candidates.ids.tolist(), n, candidates.scores, len(candidates.annotated)))
            return range(n)

    rows = al.Prediction(features=torch.rand(10, 2))
    then = Mine()
    candidates = Candidates(torch.zeros(10), rows, rows[:3])
    selector = PerGroup(CAMERAS, then)
    assert selector.needs == {"features", "annotated"}
    selector(candidates, 6, generator())
    assert seen == [([0, 1, 2, 3, 4], 2, None, 3), ([5, 6, 7], 2, None, 3), ([8, 9], 2, None, 3)]


def test_groups_of_another_length_name_both_lengths():
    candidates = Candidates(torch.zeros(3), ids=torch.tensor([2, 14, 7]))
    with pytest.raises(ConfigurationError, match=r"groups has 10 entries.* at least 15 samples"):
        PerGroup(CAMERAS)(candidates, 2, generator())
    with pytest.raises(ConfigurationError, match="got 10 for 3 ids"):
        PerGroup(lambda ids: CAMERAS)(candidates, 2, generator())


@pytest.mark.parametrize(
    ("groups", "quotas", "message"),
    [
        (np.zeros((3, 2)), None, r"must be a vector.*\(3, 2\)"),
        (5, None, "must be a vector"),
        (np.array(["a", 1], dtype=object), None, "all numbers, or all names"),
        (CAMERAS, {"a": 1, "b": 1}, "leave out the group 'c'"),
        (CAMERAS, {"a": 1, "b": 1, "c": 1, "d": 1}, "no group 'd'"),
        (CAMERAS, {"a": 1, "b": -1, "c": 1}, "quota of 'b' must be a number of at least 0"),
        (CAMERAS, {"a": 1, "b": torch.nan, "c": 1}, "quota of 'b'"),
        (CAMERAS, {"a": 1, "b": "1", "c": 1}, "quota of 'b'"),
    ],
)
def test_groups_and_quotas_that_cannot_be_right_raise_at_once(groups, quotas, message):
    with pytest.raises(ConfigurationError, match=message):
        PerGroup(groups, quotas=quotas)


def test_a_group_of_a_function_that_the_quotas_leave_out_raises():
    selector = PerGroup(lambda ids: ids % 3, quotas={0: 1, 1: 1})
    with pytest.raises(ConfigurationError, match="leave out the group 2"):
        selector(Candidates(torch.zeros(5)), 2, generator())


def test_every_predicted_class_gets_equally_many_picks():
    classes = [0] * 6 + [1] * 3 + [2]
    selector = PerClass()
    assert selector.needs == {"scores", "outputs"}
    assert Counter(groups_of(selector, guessed(classes), 7, classes)) == {0: 3, 1: 3, 2: 1}
    positions = selector(guessed(classes), 3, generator()).positions
    assert set(positions.tolist()) == {0, 6, 9}


def test_classes_are_predicted_from_the_mean_over_posterior_samples():
    samples = torch.tensor([[[3.0, 0], [3, 0], [0, 9]], [[3, 0], [3, 0], [3, 0]]]).softmax(-1)
    prediction = al.Prediction(samples, kind="probabilities")
    expected = prediction.mean_probabilities.argmax(1)
    assert PerClass().split(Candidates(torch.zeros(2), prediction))[0].equal(expected)


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=8),
    st.lists(st.integers(0, 2), max_size=6),
    st.integers(1, 8),
)
@settings(max_examples=40)
def test_labels_and_picks_together_come_as_close_to_equal_as_can_be(classes, labels, n):
    candidates = guessed(classes, labels=torch.tensor(labels, dtype=torch.long))
    picked = groups_of(Balanced(), candidates, n, classes)
    held = np.bincount(labels, minlength=3) if labels else np.zeros(3)
    sizes = np.bincount(classes, minlength=3).tolist()
    totals = held + np.bincount(picked, minlength=3)
    best = min(((held + np.array(s)) ** 2).sum() for s in splits(len(picked), sizes))
    assert (totals**2).sum() == best


def test_a_skewed_pool_is_leveled_rarest_first():
    classes = [0] * 50 + [1] * 10 + [2] * 10
    labels = torch.tensor([0] * 20 + [1] * 5 + [2] * 2)
    picked = groups_of(Balanced(), guessed(classes, labels=labels), 9, classes)
    assert picked[:3] == [2, 2, 2]
    assert Counter(picked) == {2: 6, 1: 3}


@pytest.mark.parametrize("wrong", [3, -1])
def test_labels_beyond_the_models_classes_raise(wrong):
    with pytest.raises(PredictionError, match=f"classes 0 to 2, got {wrong}"):
        Balanced()(guessed([0, 1], labels=torch.tensor([0, wrong])), 1, generator())


def test_missing_labels_raise_and_the_error_explains_how_to_get_them():
    candidates = guessed([0, 1], annotated=al.Prediction(torch.zeros(2, 3)))
    with pytest.raises(ConfigurationError, match=r"labels= to al\.select"):
        Balanced()(candidates, 1, generator())


def test_no_probabilities_are_given_as_turns_are_not_drawn_from_all():
    for selector in (PerGroup(CAMERAS, al.Random()), PerClass(al.Random())):
        assert selector(guessed([0, 1, 2, 1]), 2, generator()).probabilities is None


def test_they_print_as_they_are_made():
    def cameras(ids):
        return ids

    assert repr(PerGroup(CAMERAS)) == "PerGroup(groups)"
    assert repr(PerGroup(cameras, al.Random())) == "PerGroup(cameras, Random())"
    quotas = {"a": 1, "b": 2, "c": 3}
    assert repr(PerGroup(CAMERAS, quotas=quotas)) == f"PerGroup(groups, quotas={quotas})"
    assert repr(PerClass()) == "PerClass()"
    assert repr(Balanced(al.Random())) == "Balanced(Random())"
