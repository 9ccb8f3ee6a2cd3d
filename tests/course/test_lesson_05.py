from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alkit as al
from alkit.course.lesson_05 import check_farthest_first, check_herding, check_short_list
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


def herd(points, known, n):
    distances, picked = cdist(points, points), []
    for _ in range(n):
        means = [
            np.exp(-(distances[:, [*known, *picked, k]].min(1) ** 2)).mean()
            for k in range(len(points))
        ]
        picked.append(int(np.argmax(means)))
    return picked


def herd_by(gain, power=2, update=True, begin=True):
    """Herding with another gain or kernel, without the annotated rows or earlier picks."""

    def pick(points, known, n):
        cover, picked = np.exp(-(cdist(points, points) ** power)), []
        for _ in range(n):
            near = [*(known if begin else []), *(picked if update else [])]
            covered = cover[:, near].max(1) if near else np.zeros(len(cover))
            gains = gain(cover, covered)
            gains[[*known, *picked]] = -np.inf
            picked.append(int(gains.argmax()))
        return picked

    return pick


def raised(cover, covered):
    return np.maximum(cover, covered[:, None]).mean(0)


def short_list():
    return al.Prefilter(3, al.TopK(), by=al.selectors.TypiClust(al.Features()))


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_farthest_first, farthest_first),
        (check_farthest_first, lambda p, n: torch.tensor(farthest_first(p, n))),
        (check_herding, herd),
        (check_herding, lambda *case: np.array(herd(*case))),
        (check_herding, herd_by(raised)),
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


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (herd_by(raised, update=False), "does not change what is covered"),
        (herd_by(raised, begin=False), "annotated rows cover nothing"),
        (herd_by(lambda cover, covered: cover.mean(0)), "before and after"),
        (herd_by(lambda cover, covered: -covered), "as in k-center"),
        (herd_by(raised, power=1), "should be squared"),
        (herd_by(lambda cover, covered: -raised(cover, covered)), "the least: take the largest"),
        (lambda points, known, n: herd(points, known, n)[::-1], "raise the mean coverage the most"),
        (lambda points, known, n: [known[0]] + herd(points, known, n)[1:], "row 0 is annotated"),
        (lambda points, known, n: herd(points, known, 1) * n, "twice"),
        (lambda points, known, n: herd(points, known, n - 1), "expected 2 picks, got 1"),
        (None, "function"),
    ],
)
def test_rows_that_do_not_raise_the_coverage_get_their_hint(answer, hint):
    with pytest.raises(AnswerError, match=hint):
        check_herding(answer)


def test_herding_by_hand_is_that_of_the_selector():
    points = torch.randn(40, 2, generator=torch.Generator().manual_seed(1))
    selector = al.selectors.MaxHerding(al.Features())
    query = al.select(5, embeddings=points, annotated=[3, 7], selector=selector, seed=0)
    assert query.indices.tolist() == herd(points, [3, 7], 5)


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
    assert check_herding(solved["herd"])
    assert check_short_list(solved["typical_then_uncertain"])
