"""What chance would have picked: told from what was chosen, and from what only looks like it."""

import numpy as np
import pytest
import torch

import alkit as al


def probabilities(classes, seed=0):
    """Of these guessed classes, at random margins."""
    rng = torch.Generator().manual_seed(seed)
    guessed = torch.nn.functional.one_hot(torch.as_tensor(classes))
    p = torch.rand(guessed.shape, generator=rng) / 2 + guessed
    return p / p.sum(1, keepdim=True)


def take(rows):
    def selector(candidates, n, generator):
        return torch.as_tensor(rows)

    selector.needs = {"outputs"}
    return selector


def verdict(classes, rows):
    query = al.select(len(rows), probabilities=probabilities(classes), selector=take(rows), seed=0)
    return al.doctor(query)["class skew"]


# --- classes ------------------------------------------------------------------------------------


def test_one_class_that_fills_the_batch_is_a_warning():
    classes = np.arange(400) % 4
    found = verdict(classes, np.flatnonzero(classes == 2)[:12])
    assert (found.verdict, found.value) == ("warning", pytest.approx(0.75))
    assert "100% are of class 2" in found.says


def test_a_class_that_was_expected_and_is_absent_is_a_warning_that_names_it():
    classes = np.arange(400) % 4
    found = verdict(classes, np.flatnonzero(classes != 1)[:60])
    assert found.verdict == "warning"
    assert found.says.endswith("absent: 1")


def test_other_shares_with_every_class_there_are_a_note():
    classes = np.arange(400) % 4
    rows = np.concatenate(
        [np.flatnonzero(classes == c)[:k] for c, k in enumerate((45, 25, 15, 15))]
    )
    found = verdict(classes, rows)
    assert (found.verdict, found.value) == ("note", pytest.approx(0.2))


@pytest.mark.parametrize(("n", "classes"), [(10, 4), (100, 4), (20, 50)])
def test_random_picks_are_not_skewed(n, classes):
    guessed = np.minimum(np.random.default_rng(0).geometric(3 / classes, 900), classes) - 1
    found = [verdict(guessed, np.random.default_rng(s).choice(900, n, False)) for s in range(6)]
    assert [finding.verdict for finding in found].count("ok") >= 5


def test_values_have_no_classes():
    prediction = al.Prediction(torch.rand(30, 1), kind="values")
    query = al.select(5, prediction=prediction, selector=al.Random(), seed=0)
    assert al.doctor(query)["class skew"].verdict == "not seen"


# --- agreement with random ----------------------------------------------------------------------


def agreement(query):
    return al.doctor(query)["agreement with random"]


def scored(function, n=20, selector=None, seed=0):
    scores = torch.rand(600, generator=torch.Generator().manual_seed(1))
    return al.select(
        n,
        embeddings=torch.zeros(600, 1),
        criterion=lambda prediction: function(scores),
        selector=selector,
        seed=seed,
    )


@pytest.mark.parametrize("n", [1, 2, 20, 400])
def test_the_highest_scores_do_not_look_like_chance(n):
    found = agreement(scored(lambda scores: scores, n))
    assert (found.verdict, found.value) == ("ok", 0)


def test_equal_scores_and_those_of_the_wrong_sign_do():
    equal = agreement(scored(torch.zeros_like))
    assert (equal.verdict, equal.value) == ("warning", 1)

    def lowest(candidates, n, generator):
        return candidates.scores.argsort()[:n]

    found = agreement(scored(lambda scores: scores, selector=lowest))
    assert (found.verdict, found.value) == ("warning", 1)


def test_a_selector_that_ignores_the_scores_is_found_nineteen_times_in_twenty():
    def random(candidates, n, generator):
        return torch.randperm(len(candidates), generator=generator)[:n]

    found = [agreement(scored(lambda s: s, selector=random, seed=seed)) for seed in range(40)]
    assert sum(finding.verdict == "warning" for finding in found) >= 34  # 38 expected


def test_a_draw_of_known_probabilities_is_only_a_note_and_a_uniform_one_is_as_asked_for():
    def tempered(candidates, n, generator):
        p = 1 / torch.arange(600, 600 - n, -1, dtype=torch.float64)
        return al.selectors.Picks(torch.randperm(600, generator=generator)[:n], p * 1.001)

    assert agreement(scored(lambda s: s, selector=tempered)).verdict == "note"
    uniform = agreement(scored(lambda s: s, selector=al.Random()))
    assert (uniform.verdict, uniform.value) == ("ok", 1)


def without_scores(rule, seed=0, n=12):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(500, 8, generator=generator)

    def selector(candidates, n, generator):
        return rule(candidates.features, n, generator)

    selector.needs = {"features"}
    return al.select(n, embeddings=x, selector=selector, seed=seed)


def farthest_first(x, n, generator):
    picks = [0]
    while len(picks) < n:
        picks.append(int(torch.cdist(x, x[picks]).amin(1).argmax()))
    return torch.tensor(picks)


def central(x, n, generator):
    return x.norm(dim=1).argsort()[::1][: 10 * n : 10]


def one_place(x, n, generator):
    return (x - x[5]).norm(dim=1).argsort()[:n]


def chance(x, n, generator):
    return torch.randperm(len(x), generator=generator)[:n]


@pytest.mark.parametrize("rule", [farthest_first, central, one_place])
def test_far_apart_typical_and_close_picks_do_not_look_like_chance(rule):
    assert [agreement(without_scores(rule, seed)).verdict for seed in range(2)] == ["ok"] * 2


def test_random_places_do():
    found = [agreement(without_scores(chance, seed)) for seed in range(10)]
    assert sum(finding.verdict == "warning" for finding in found) >= 8  # 9.5 expected


def test_a_single_pick_is_judged_by_where_it_lies():
    assert agreement(without_scores(chance, n=1)).verdict == "warning"
    far = without_scores(lambda x, n, generator: x.norm(dim=1).argmax()[None], n=1)
    assert agreement(far).verdict == "ok"


def test_where_all_are_picked_nothing_was_chosen():
    query = al.select(9, probabilities=probabilities(np.arange(9) % 3), seed=0)
    assert agreement(query).verdict == "not seen"
