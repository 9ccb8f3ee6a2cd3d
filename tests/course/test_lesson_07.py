from __future__ import annotations

import pytest
import torch
from scipy.stats import mannwhitneyu

import alkit as al
from alkit.course.lesson_07 import (
    check_share_of_pairs,
    check_slope_penalty,
    check_uncertain_and_new,
)
from alkit.criteria import HeadScore
from alkit.errors import AnswerError


def share_of_pairs(annotated, unannotated):
    pairs = mannwhitneyu(unannotated, annotated).statistic
    return pairs / len(annotated) / len(unannotated)


def uncertain_and_new(head):
    return al.Rank(-HeadScore(head)) + al.Rank(al.Margin())


def gradient(critic, points, create_graph=True):
    points = points.detach().requires_grad_()
    rows = [
        torch.autograd.grad(critic(point[None])[0, 0], point, create_graph=create_graph)[0]
        for point in points
    ]
    return torch.stack(rows)


def slope_penalty(critic, points):
    return (gradient(critic, points).norm(dim=1) - 1).square().mean()


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_share_of_pairs, share_of_pairs),
        (check_uncertain_and_new, uncertain_and_new),
        (check_uncertain_and_new, lambda h: 2 * al.Rank(al.Margin()) - 2 * al.Rank(HeadScore(h))),
        (check_slope_penalty, slope_penalty),
    ],
)
def test_correct_answers_pass_and_return_what_they_teach(check, answer):
    assert check(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, u: share_of_pairs(u, a), "it should be the unannotated"),
        (lambda a, u: (u[:, None] > a).double().mean(), "ties are not counted"),
        (lambda a, u: (u[:, None] >= a).double().mean(), "ties are counted in full"),
        (lambda a, u: (u > a.mean()).double().mean(), "the mean of the annotated"),
        (lambda a, u: mannwhitneyu(u, a).statistic, "number of pairs"),
        (lambda a, u: mannwhitneyu(u, a).statistic / len(a), "divide by both"),
        (lambda a, u: u.mean() - a.mean(), "count pairs"),
        (lambda a, u: sum(x > y for x, y in zip(u, a)) / min(len(a), len(u)), "all pairs"),
        (lambda a, u: (u[:, None] > a).double().mean(0), "shape"),
        (lambda a, u: 0.5, "by hand"),
        (0.5, "function"),
    ],
)
def test_a_wrong_share_gets_its_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_share_of_pairs(answer)


def ranks(h):
    return al.Rank(al.Margin()), al.Rank(HeadScore(h))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda h: ranks(h)[0] + ranks(h)[1], "look annotated already"),
        (lambda h: ranks(h)[1] - ranks(h)[0], "most certain"),
        (lambda h: al.Margin() - HeadScore(h), "their own units"),
        (lambda h: al.Margin() + HeadScore(h), "their own units"),
        (lambda h: al.Margin(), "discriminator has no influence"),
        (lambda h: -HeadScore(h), "margin has no influence"),
        (lambda h: -ranks(h)[0] * ranks(h)[1], "add them"),
        (lambda h: ranks(h)[0] - 0.1 * ranks(h)[1], "same weight"),
        (lambda h: h, "expected a criterion"),
        (al.Margin(), "function from a head"),
    ],
)
def test_a_wrong_criterion_gets_its_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_uncertain_and_new(answer)


def lengths(critic, points):
    return gradient(critic, points).norm(dim=1)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda c, p: (lengths(c, p) - 1).square().sum(), "return the mean"),
        (lambda c, p: lengths(c, p).square().mean(), "to 0, not to 1"),
        (lambda c, p: (lengths(c, p) - 1).abs().mean(), "not squared"),
        (lambda c, p: (lengths(c, p) - 1).mean(), "not squared"),
        (lambda c, p: (lengths(c, p).mean() - 1) ** 2, "mean is taken first"),
        (lambda c, p: (gradient(c, p) - 1).square().mean(), "take its length first"),
        (lambda c, p: (gradient(c, p).norm() - 1) ** 2, "point by point"),
        (lambda c, p: (lengths(c, p) / len(p) - 1).square().mean(), "gradient by the number of"),
        (lambda c, p: c(p).mean(), "first coordinate"),
        (lambda c, p: lengths(c, p), "shape"),
        (lambda c, p: (gradient(c, p, False).norm(dim=1) - 1).square().mean(), "no gradient"),
        (lambda c, p: slope_penalty(c, p).item(), "no gradient"),
        (1.0, "function"),
    ],
)
def test_a_wrong_penalty_gets_its_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_slope_penalty(answer)


def test_the_solutions_of_the_lesson_pass(solutions):
    solved = solutions("07", al=al, torch=torch)
    assert check_share_of_pairs(solved["share_of_pairs"])
    assert check_uncertain_and_new(solved["uncertain_and_new"])
    assert check_slope_penalty(solved["slope_penalty"])
