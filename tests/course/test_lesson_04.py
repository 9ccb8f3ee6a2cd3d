from __future__ import annotations

import pytest
import torch

import alkit as al
from alkit.course.lesson_04 import check_equal_say, check_expected_cost, check_ratio
from alkit.errors import AnswerError


def ratio(p):
    first, second = p.topk(2, dim=-1).values.T
    return second / first


class ExpectedCost(al.Criterion):
    def __init__(self, cost):
        self.cost = cost

    def score(self, prediction):
        p = prediction.mean_probabilities
        return torch.stack([p @ guess for guess in self.cost.T], dim=1).min(1).values


def costs(formula):
    """Class like that of the exercise, with another formula of p and cost."""

    class Wrong(ExpectedCost):
        def score(self, prediction):
            return formula(prediction.mean_probabilities, self.cost)

    return Wrong


RANK = al.Rank(al.Margin()) + al.Rank(al.Entropy())


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_ratio, ratio),
        (check_ratio, lambda p: ratio(p).numpy()),
        (check_ratio, lambda p: [float(ratio(row[None])) for row in p]),
        (check_equal_say, lambda: RANK),
        (check_equal_say, RANK),
        (check_equal_say, 0.5 * (al.Rank(al.Entropy()) + al.Rank(al.Margin()))),
        (check_equal_say, 3 * al.Rank(al.Margin()) + 3 * al.Rank(al.Entropy()) - 1),
        (check_expected_cost, ExpectedCost),
    ],
)
def test_correct_answers_pass_and_return_what_they_teach(check, answer):
    assert check(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p: -ratio(p), "sign"),
        (lambda p: 1 - ratio(p), "sign"),
        (lambda p: 1 / ratio(p), "which of the two is divided"),
        (lambda p: p[:, 1] / p[:, 0], "first two columns"),
        (lambda p: p.sort(-1).values[:, 1] / p.sort(-1).values[:, 0], "two smallest"),
        (lambda p: p.min(-1).values / p.max(-1).values, "the smallest probability by the"),
        (lambda p: 1 - p.topk(2).values.diff(dim=1).abs()[:, 0], "quotient"),
        (lambda p: ratio(p) / ratio(p).amax(), "one row alone"),
        (lambda p: ratio(p).mean(), r"shape \(9,\)"),
        (lambda p: ratio(p)[:, None], r"shape \(9,\)"),
        (lambda p: p.amax(-1), "by hand"),
        (0.5, "function"),
    ],
)
def test_a_wrong_ratio_gets_its_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_ratio(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (-RANK, "sign"),
        (al.Margin(), "margin decides alone"),
        (al.Rank(al.Entropy()), "entropy decides alone"),
        (al.Margin() + al.Entropy(), "their own units"),
        (al.Rank(al.Margin() + al.Entropy()), "their own units"),
        (al.Margin() * al.Entropy(), "product"),
        (al.Rank(al.Margin()) * al.Rank(al.Entropy()), "add them"),
        (al.criteria.MinMax(al.Margin()) + al.criteria.MinMax(al.Entropy()), "outlier"),
        (al.criteria.ZScore(al.Margin()) + al.criteria.ZScore(al.Entropy()), "z-score"),
        (al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy()), "same weight"),
        (lambda: 2, "expected a criterion"),
        (None, "expected a criterion"),
    ],
)
def test_a_formula_without_equal_influence_gets_its_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_equal_say(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (costs(lambda p, cost: -(p @ cost).amin(-1)), "sign"),
        (costs(lambda p, cost: (p @ cost.T).amin(-1)), "swapped"),
        (costs(lambda p, cost: (p @ cost).amax(-1)), "costs most"),
        (costs(lambda p, cost: (p @ cost).sum(-1)), "sum over all guesses"),
        (costs(lambda p, cost: (p @ cost).mean(-1)), "mean over all guesses"),
        (costs(lambda p, cost: (p @ cost).argmin(-1)), "index of the guess"),
        (
            costs(lambda p, cost: (p @ cost).gather(1, p.argmax(-1, True))[:, 0]),
            "most probable class",
        ),
        (costs(lambda p, cost: 1 - p.amax(-1)), "not used"),
        (costs(lambda p, cost: p @ cost), r"shape \(12,\)"),
        (costs(lambda p, cost: p.amax(-1)), "once for every guess"),
        (ExpectedCost(torch.eye(2)), "expected a class"),
    ],
)
def test_a_wrong_expected_cost_gets_its_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_expected_cost(answer)


def test_the_check_is_found_by_the_name_of_the_exercise(capsys):
    al.course.check("04-a", ratio)
    assert capsys.readouterr().out.startswith("04-a is correct. ")


def test_the_solutions_of_the_lesson_pass(solutions):
    solved = solutions("04", al=al, torch=torch)
    assert check_ratio(solved["ratio"])
    assert check_equal_say(solved["equal_say"])
    assert check_expected_cost(solved["ExpectedCost"])
