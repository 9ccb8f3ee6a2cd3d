from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alkit as al
from alkit.course.lesson_05 import check_apart, check_farthest_first, check_short_list
from alkit.errors import AnswerError


def farthest_first(points, n):
    picked = [0]
    while len(picked) < n:
        picked.append(int(cdist(points, points[picked]).min(1).argmax()))
    return picked


def farthest_by(measure, among=lambda picked: picked):
    """Farthest first with another measure, or with distances to fewer picks; no repeats."""

    def pick(points, n):
        picked = [0]
        while len(picked) < n:
            distances = measure(cdist(points, points[among(picked)]))
            distances[picked] = -1
            picked.append(int(distances.argmax()))
        return picked

    return pick


def apart(scores, points, n, distance):
    picked, others, points = [], [], points.numpy()
    for k in np.argsort(-scores.numpy()):
        near = any(np.hypot(*(points[k] - points[j])) < distance for j in picked)
        (others if near else picked).append(int(k))
    return (picked + others)[:n]


def short_list():
    return al.Prefilter(3, al.TopK(), by=al.selectors.TypiClust(al.Features()))


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_farthest_first, farthest_first),
        (check_farthest_first, lambda p, n: torch.tensor(farthest_first(p, n))),
        (check_apart, apart),
        (check_apart, lambda *case: np.array(apart(*case))),
        (check_short_list, short_list),
        (check_short_list, short_list()),
    ],
)
def test_correct_answers_pass_and_return_what_they_teach(check, answer):
    assert check(answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda points, n: [0] * n, "sample 0 twice"),
        (lambda points, n: farthest_first(points, n - 1), "expected 2 picks, got 1"),
        (lambda points, n: farthest_first(points, n + 1)[1:], "row 0"),
        (farthest_by(lambda d: d.max(1)), "farthest pick"),
        (farthest_by(lambda d: d.mean(1)), "mean distance"),
        (farthest_by(lambda d: d.min(1), among=lambda picked: picked[-1:]), "far from the last"),
        (farthest_by(lambda d: d.min(1), among=lambda picked: picked[:1]), "first pick"),
        (farthest_by(lambda d: 1e6 - d.min(1)), "the nearest to the others"),
        (lambda points, n: list(range(n)), "third pick"),
        (lambda points, n: None, "list of row numbers"),
        (7, "function"),
    ],
)
def test_wrong_centers_get_their_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_farthest_first(answer)


def apart_from_the_last(scores, points, n, distance):
    picked, others = [], []
    for k in scores.argsort(descending=True).tolist():
        near = picked and (points[k] - points[picked[-1]]).norm() < distance
        (others if near else picked).append(k)
    return (picked + others)[:n]


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda s, p, n, d: s.argsort(descending=True)[:n], "whatever the distance"),
        (lambda s, p, n, d: apart(-s, p, n, d), "in which direction"),
        (apart_from_the_last, "not from all"),
        (lambda s, p, n, d: apart(s, p, n, d / 2), "apart, but the distance"),
        (lambda s, p, n, d: [k for k in apart(s, p, n, d) for _ in "ab"][:n], "twice"),
        (lambda s, p, n, d: apart(s, p, n, d)[:3], "expected 6 picks, got 3"),
        (lambda s, p, n, d: apart(s, p, n, d)[::-1], "highest score that is far enough"),
        (None, "function"),
    ],
)
def test_picks_that_repeat_or_are_not_the_best_get_their_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_apart(answer)


def test_too_few_picks_are_an_error_with_both_numbers():
    def without_fill(scores, points, n, distance):
        picked = []
        for k in scores.argsort(descending=True).tolist():
            if not picked or torch.cdist(points[[k]], points[picked]).min() >= distance:
                picked.append(k)
        return picked[:n]

    with pytest.raises(AnswerError, match="expected 12 picks"):
        check_apart(without_fill)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (al.TopK(), "the short list is missing"),
        (al.selectors.TypiClust(al.Features()), "not used"),
        (al.Prefilter(3, al.selectors.TypiClust(al.Features())), "other way around"),
        (al.Prefilter(3, al.selectors.TypiClust(al.Features()), by=al.TopK()), "other way around"),
        (al.Prefilter(3, al.KCenter()), "set `by`"),
        (al.Prefilter(3, al.TopK(), by=al.selectors.TypiClust()), "only by direction"),
        (al.Prefilter(3, al.TopK(), by=al.KCenter()), "picks strays"),
        (
            al.Prefilter(5, al.TopK(), by=al.selectors.TypiClust(al.Features())),
            "three times as long",
        ),
        (al.selectors.FacilityLocation(), "are not the highest scores"),
        (al.TopK, "the short list is missing"),
        ("typical", "expected a selector"),
    ],
)
def test_a_short_list_of_another_kind_gets_its_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_short_list(answer)


def test_the_solutions_of_the_lesson_pass(solutions):
    solved = solutions("05", al=al, torch=torch)
    assert check_farthest_first(solved["farthest_first"])
    assert check_apart(solved["apart"])
    assert check_short_list(solved["typical_then_uncertain"])
