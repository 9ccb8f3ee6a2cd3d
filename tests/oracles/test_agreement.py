"""Agreement and consensus, against published examples, brute force and hand computation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alkit.errors import LabelError
from alkit.oracles import dawid_skene, krippendorff_alpha, majority

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability": one string per observer
TWO = ["aabbdcccedda", "babbbccceddd"]
FOUR = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
BINARY = ["0100000010", "1110010000"]

# Dawid & Skene 1979, table 1: patients, answers of observer 1 (three times), 2, 3, 4, 5
PATIENTS = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343
1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222
1111111 1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343
2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
""".split()
OBSERVERS = "1112345"


def table(columns):
    """Rows of one string of answers per person; a dot is no answer."""
    return [
        (sample, who, label)
        for who, column in enumerate(columns)
        for sample, label in enumerate(column)
        if label != "."
    ]


def anesthetists():
    return [
        (sample, who, int(label))
        for sample, labels in enumerate(PATIENTS)
        for who, label in zip(OBSERVERS, labels, strict=True)
    ]


@pytest.mark.parametrize(
    ("columns", "alpha"), [(BINARY, 0.095), (TWO, 0.692), (FOUR, 0.743)], ids=["A", "B", "C"]
)
def test_alpha_is_that_of_the_published_examples(columns, alpha):
    assert krippendorff_alpha(table(columns)) == pytest.approx(alpha, abs=5e-4)


def alpha_by_pairs(rows):
    """1 - D_o / D_e by all ordered pairs of answers."""
    units = {}
    for sample, _, label in rows:
        units.setdefault(sample, []).append(label)
    units = [labels for labels in units.values() if len(labels) > 1]
    every = [label for labels in units for label in labels]
    n = len(every)
    observed = sum(
        (a != b) / (len(labels) - 1)
        for labels in units
        for a, b in itertools.permutations(labels, 2)
    )
    expected = sum(a != b for a, b in itertools.permutations(every, 2)) / (n - 1) if n > 1 else 0
    return 1 - observed / expected if expected else math.nan


ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.sampled_from("xyz")))


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_alpha_is_that_of_all_pairs(rows):
    assert krippendorff_alpha(rows) == pytest.approx(alpha_by_pairs(rows), nan_ok=True)


def test_alpha_is_unknown_where_nothing_can_differ():
    assert math.isnan(krippendorff_alpha([]))
    assert math.isnan(krippendorff_alpha([(0, "a", 1), (1, "b", 2)]))  # no sample has two answers
    assert math.isnan(krippendorff_alpha([(0, "a", 1), (0, "b", 1)]))  # one label only
    assert krippendorff_alpha([(0, "a", 1), (0, "b", 1), (1, "a", 2), (1, "b", 2)]) == 1


def test_the_majority_has_no_label_for_a_tie():
    rows = [(0, "a", "x"), (0, "b", "x"), (0, "c", "y"), (1, "a", "x"), (1, "b", "y"),
            (2, "a", None), (2, "b", "y"), (3, "a", None)]  # fmt: skip
    assert majority(rows) == {0: "x", 1: None, 2: "y"}
    three = [(0, who, label) for who, label in enumerate([1, 2, 2, 3, 3])]
    assert majority(three) == {0: None}
    assert majority([*three, (0, "f", 2)]) == {0: 2}


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_the_order_of_the_answers_changes_nothing(rows):
    assert majority(rows) == majority(rows[::-1])
    if rows:
        one, other = dawid_skene(rows, max_iter=3), dawid_skene(rows[::-1], max_iter=3)
        assert one.classes == other.classes
        places = [other.samples.index(sample) for sample in one.samples]
        assert one.probabilities == pytest.approx(other.probabilities[places])


def em_by_loops(rows, rounds):
    """Dawid & Skene's equations, one number at a time."""
    samples, people = sorted({r[0] for r in rows}), sorted({r[1] for r in rows})
    classes = sorted({r[2] for r in rows})
    p = {}
    for s in samples:
        own = [label for sample, _, label in rows if sample == s]
        for j in classes:
            p[s, j] = own.count(j) / len(own)
    for _ in range(rounds):
        prior = {j: sum(p[s, j] for s in samples) / len(samples) for j in classes}
        pi = {}
        for w, j in itertools.product(people, classes):
            total = sum(p[s, j] for s, who, _ in rows if who == w)
            for k in classes:
                part = sum(p[s, j] for s, who, label in rows if (who, label) == (w, k))
                pi[w, j, k] = part / total if total else 0.0
        for s in samples:
            own = {j: prior[j] * math.prod(pi[w, j, y] for i, w, y in rows if i == s)
                   for j in classes}  # fmt: skip
            p |= {(s, j): own[j] / sum(own.values()) for j in classes}
    return [[p[s, j] for j in classes] for s in samples], prior, pi


def test_dawid_and_skene_is_that_of_their_paper():
    found = dawid_skene(anesthetists(), max_iter=500, tolerance=1e-9)
    assert found.classes == [1, 2, 3, 4]
    assert found.people == list("12345")
    assert found.prior == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)  # their table 2
    p, prior, pi = em_by_loops(anesthetists(), 200)
    assert found.probabilities == pytest.approx(np.array(p), abs=1e-6)
    assert found.prior == pytest.approx(list(prior.values()), abs=1e-6)
    assert found.confusion.ravel() == pytest.approx(list(pi.values()), abs=1e-6)
    assert found.labels[0] == 1
    assert found.labels[10] == 4


@given(ROWS.filter(bool))
@settings(deadline=None, max_examples=60)
def test_each_iteration_is_that_of_the_equations(rows):
    found = dawid_skene(rows, max_iter=4, tolerance=1e-300)
    p = np.array(em_by_loops(rows, 4)[0])[np.argsort(np.argsort(found.samples))]
    assert found.probabilities == pytest.approx(p, abs=1e-6)


def test_reliable_people_outvote_unreliable_ones():
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=300)
    rows = []
    for sample, y in enumerate(truth):
        for who in rng.choice(5, size=3, replace=False):
            right = rng.random() < [0.95, 0.9, 0.7, 0.5, 0.3][who]
            wrong = (y + 1) % 4 if who == 4 else (y + rng.integers(1, 4)) % 4
            rows.append((sample, int(who), int(y if right else wrong)))
    found = dawid_skene(rows)
    votes = majority(rows)
    right = np.mean([found.labels[k] == y for k, y in enumerate(truth)])
    assert right > np.mean([votes[k] == y for k, y in enumerate(truth)]) + 0.1
    assert right > 0.88
    accuracy = [found.accuracy[who] for who in range(5)]
    assert accuracy == pytest.approx([0.95, 0.9, 0.7, 0.5, 0.3], abs=0.1)


def test_two_people_who_differ_on_all_samples_have_no_consensus():
    rows = [(sample, who, who ^ sample % 2) for sample in range(4) for who in (0, 1)]
    assert set(dawid_skene(rows).labels.values()) == {None}


def test_what_is_not_a_table_of_answers_is_refused():
    with pytest.raises(LabelError, match="at least one answer"):
        dawid_skene([(0, "a", None)])
    for wrong in [(0, "a")], [(0, "a", [1, 2])], [3]:
        with pytest.raises(LabelError, match="row"):
            majority(wrong)
