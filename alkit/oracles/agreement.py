"""Agreement of several people, and the labels that follow from their answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from torch import Tensor

from alkit.arguments import check_integer
from alkit.errors import LabelError
from alkit.pool.labels import plain

Answers = Iterable[tuple[Hashable, Hashable, Any]]
TIE = 1e-6  # difference of probabilities of one label and another that does not count


def majority(answers: Answers) -> dict[Hashable, Any]:
    """Most frequent label of each sample; None for a tie.

    Args:
        answers: rows ``(sample, who, label)``, one per answer. Rows whose label is None do not
            count, and samples that have no others are left out.
    """
    return {
        sample: first if len(others) == 0 or others[0][1] < count else None
        for sample, votes in _votes(answers).items()
        for (first, count), *others in [votes.most_common(2)]
    }


def krippendorff_alpha(answers: Answers) -> float:
    """Krippendorff's alpha for nominal labels: 1 for full agreement, 0 for that of chance.

        alpha = 1 - D_o / D_e

    D_o is the share of differing pairs of answers within samples, and D_e that among all answers
    that have a partner (Krippendorff 2011, "Computing Krippendorff's alpha-reliability"). Samples
    with a single answer do not count. Cost: O(answers).

    Args:
        answers: rows ``(sample, who, label)``, one per answer, as for ``majority``.

    Returns:
        alpha, at most 1, negative if people disagree systematically. NaN if no sample has two
        answers, or if all answers are the same label, where chance explains everything.
    """
    paired = [votes for votes in _votes(answers).values() if votes.total() > 1]
    total: Counter[Any] = sum(paired, Counter())
    n = total.total()
    expected = n * n - sum(count * count for count in total.values())
    if not expected:
        return nan
    observed = sum(
        (votes.total() ** 2 - sum(count * count for count in votes.values())) / (votes.total() - 1)
        for votes in paired
    )
    return 1 - (n - 1) * observed / expected


@dataclass(frozen=True, eq=False)
class Consensus:
    """Labels that follow from the answers of several people, and how reliable each of them is.

    Attributes:
        samples: S samples, in the order of their first answer.
        people: W people, likewise.
        classes: L labels, sorted if they can be.
        probabilities: ``(S, L)`` probability of each label of each sample.
        confusion: ``(W, L, L)`` probability that a person answers l (last axis) where the label is
            j; a row of zeros if no sample of that label was asked.
        prior: ``(L,)`` share of each label.
    """

    samples: list[Hashable]
    people: list[Hashable]
    classes: list[Any]
    probabilities: np.ndarray
    confusion: np.ndarray
    prior: np.ndarray

    @property
    def labels(self) -> dict[Hashable, Any]:
        """Most probable label of each sample; None for a tie."""
        best = self.probabilities.argmax(1)
        tied = (self.probabilities > self.probabilities.max(1, keepdims=True) - TIE).sum(1) > 1
        found = zip(self.samples, best.tolist(), tied.tolist(), strict=True)
        return {sample: None if tie else self.classes[k] for sample, k, tie in found}

    @property
    def accuracy(self) -> dict[Hashable, float]:
        """Estimated share of right answers of each person, on samples like these."""
        right = np.diagonal(self.confusion, axis1=1, axis2=2) @ self.prior
        return dict(zip(self.people, right.tolist(), strict=True))


def dawid_skene(answers: Answers, *, max_iter: int = 100, tolerance: float = 1e-5) -> Consensus:
    """Labels and confusion matrices of people by maximum likelihood, without known labels.

    The EM algorithm of Dawid & Skene 1979, "Maximum likelihood estimation of observer error-rates
    using the EM algorithm", from the shares of the votes (their equation 3.1):

        M: prior_j = mean_s p_sj,  confusion_wjl ~ sum_s p_sj [w answers l to s]
        E: p_sj ~ prior_j  prod_(w, l) confusion_wjl

    It is better than ``majority`` if people differ in reliability and each has answered several
    samples of each class. People must err independently of each other. Cost: O(answers L) per
    iteration.

    Args:
        answers: rows ``(sample, who, label)``, one per answer, as for ``majority``.
        max_iter: largest number of iterations.
        tolerance: change of all probabilities at which it ends.

    Raises:
        LabelError: there are no answers.
    """
    check_integer("max_iter", max_iter)
    rows = [row for row in _rows(answers) if row[2] is not None]
    if not rows:
        raise LabelError("dawid_skene needs at least one answer (sample, who, label), got none.")
    columns = list(zip(*rows, strict=True))
    samples, people, classes = (list(dict.fromkeys(column)) for column in columns)
    with suppress(TypeError):  # several types: in the order of the answers
        classes.sort()
    s, w, y = map(_places, (samples, people, classes), columns)
    p = np.zeros((len(samples), len(classes)))
    np.add.at(p, (s, y), 1)
    p /= p.sum(1, keepdims=True)
    for _ in range(max_iter):
        prior, before = p.mean(0), p
        confusion = np.zeros((len(people), len(classes), len(classes)))
        np.add.at(confusion.transpose(0, 2, 1), (w, y), p[s])
        asked = confusion.sum(2, keepdims=True)
        np.divide(confusion, asked, out=confusion, where=asked > 0)
        with np.errstate(divide="ignore"):  # log 0: a label that is ruled out
            log_p, log_confusion = np.tile(np.log(prior), (len(samples), 1)), np.log(confusion)
        np.add.at(log_p, s, log_confusion[w, :, y])
        p = np.exp(log_p - log_p.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        if np.abs(p - before).max() < tolerance:
            break
    return Consensus(samples, people, classes, p, confusion, prior)


def _places(values: list[Any], column: Sequence[Any]) -> np.ndarray:
    """Position of each entry of a column among the distinct values."""
    place = {value: k for k, value in enumerate(values)}
    return np.array([place[value] for value in column])


def _votes(answers: Answers) -> dict[Hashable, Counter[Any]]:
    """Number of answers of each label by sample."""
    votes: dict[Hashable, Counter[Any]] = {}
    for sample, _, label in _rows(answers):
        if label is not None:
            votes.setdefault(sample, Counter())[label] += 1
    return votes


def _rows(answers: Answers) -> list[tuple[Hashable, Hashable, Any]]:
    """Rows of plain values.

    Raises:
        LabelError: a row is not ``(sample, who, label)``, or its label cannot be counted.
    """
    rows = []
    for row in answers:
        try:
            sample, who, label = row
            sample, label = plain(sample) if isinstance(sample, Tensor) else sample, plain(label)
            hash((sample, who, label))
        except (TypeError, ValueError):
            raise LabelError(
                f"an answer is a row (sample, who, label) of numbers or text, got {row!r}."
            ) from None
        rows.append((sample, who, label))
    return rows
