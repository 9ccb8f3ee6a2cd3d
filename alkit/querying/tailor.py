"""Tailor: a bandit over selectors, whose reward are labels of rare classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alkit.arguments import check_number
from alkit.criteria import Context, Criterion
from alkit.errors import ConfigurationError
from alkit.pool import Query
from alkit.prediction import Prediction
from alkit.querying.acquisition import Acquisition, ScoreFunction
from alkit.querying.checks import numbers_of_labels
from alkit.querying.context import PoolContext
from alkit.selectors import (
    Balanced,
    GradientEmbedding,
    KMeansPlusPlus,
    Mix,
    Random,
    Selector,
    Space,
    TopK,
    TypiClust,
    UncertaintyHerding,
    as_selector,
)
from alkit.selectors.labels import check_classes_of

DREW = "Thompson sampling drew "
TIED = 1e-9
COUNTS = re.compile(re.escape(DREW) + r"\[([\d, ]+)\]")


class Tailor(Acquisition):
    """Acquisition that learns which of several selectors finds labels of rare classes.

    Thompson sampling draws a selector for each pick. Each selector has a Dirichlet distribution of
    the class of its next label: two for each class to begin with, plus the labels of its picks,
    discounted by ``discount`` for each later batch. For each pick, one distribution of the classes
    is drawn per selector, and the one with the highest expected reward picks. The reward of a class
    is one over its number of labels, or minus that if it holds more than half of them. Zhang, Shao,
    Verma & Nowak 2023, "Algorithm selection for deep active learning with imbalanced datasets",
    TAILOR with the class-diversity reward, as in the authors' code.

    The picks of one selector come together, in the order of the selectors, as in ``Mix``: each
    treats those of earlier ones as annotated. All selectors see the scores of one criterion.

    All is read from the pool and from the queries that ``monitor`` remembers: a label counts once
    it is in the pool, and no other label is read. Of a partly annotated query, the picks before the
    first one without a label count; of several queries in one round, the one with the most such
    labels; of a query whose picks are others than those drawn, none. ``query.why`` states how many
    picks were drawn for each selector.

    Cost: that of the selectors that were drawn, a forward pass over one sample, and n random
    distributions per selector.

    Args:
        selectors: the selectors, at least two. Default: see ``arms``.
        criterion: score of each candidate, for all selectors. Default: ``Margin()``.
        discount: weight of older batches, in (0, 1].

    Raises:
        ConfigurationError: there are fewer than two selectors, an element is not a selector, the
            discount is out of range; in a query, the outputs are not of exclusive classes.
        PredictionError: in a query, a label is not one of the model's classes.
    """

    def __init__(
        self,
        selectors: Sequence[Selector | Callable[..., Any]] | None = None,
        criterion: Criterion | ScoreFunction | None = None,
        *,
        discount: float = 0.9,
    ) -> None:
        given = arms() if selectors is None else selectors
        if not isinstance(given, Sequence) or len(given) < 2:
            raise ConfigurationError(
                f"Tailor chooses among two or more selectors, [TopK(), TypiClust()], got {given!r}."
            )
        check_number("discount", discount, "a number in (0, 1]", lambda value: 0 < value <= 1)
        self.selectors, self.discount = [as_selector(selector) for selector in given], discount
        super().__init__(criterion, Mix(*((1 / len(given), part) for part in self.selectors)))

    def ask(self, context: PoolContext, n: int) -> Query:
        return self._drawn(context, n).ask(context, n)

    def at(self, context: Context) -> Acquisition:
        """One selector for all picks of a batch, drawn as for a single pick."""
        drawn = self._drawn(context, 1)
        return Acquisition(self.criterion.at(context), drawn.selector, drawn.reason)

    def _drawn(self, context: Context, n: int) -> Acquisition:
        counts = self.draws(context, n)
        pairs = zip(counts, self.selectors, strict=True)
        drawn = [(count, selector) for count, selector in pairs if count]
        selector = _Drawn(drawn) if len(drawn) > 1 else drawn[0][1]
        return Acquisition(self.criterion, selector, f"{DREW}{counts}")

    def draws(self, context: Context, n: int) -> list[int]:
        """Number of the next n picks that each selector makes. Changes nothing."""
        if not isinstance(context, PoolContext):
            raise ConfigurationError("Tailor reads labels of a pool: give it to a Strategy.")
        prediction = context.predict(context.pool.unannotated_indices[:1])
        if prediction.task != "multiclass":
            raise ConfigurationError(
                "Tailor counts the labels of exclusive classes, and the outputs are not "
                "probabilities of these: choose an acquisition, such as Acquisition(Entropy())."
            )
        classes = prediction.mean_probabilities.shape[1]
        rewards = self._rewards(context, prediction, classes)
        weights, rng = self.posterior(context, classes), context.generator("arms")
        counts, size = np.zeros(len(weights), int), max(1, 2**20 // weights.size)
        for start in range(0, n, size):
            drawn = rng.standard_gamma(weights, (min(size, n - start), *weights.shape))
            values = (drawn @ rewards) / drawn.sum(-1)
            # where all classes are worth the same, the values differ by rounding only
            values += TIED * np.abs(rewards).max() * rng.random(values.shape)
            counts += np.bincount(values.argmax(1), minlength=len(counts))
        return counts.tolist()

    def posterior(self, context: PoolContext, classes: int) -> np.ndarray:
        """``(selectors, classes)`` weights of the Dirichlet distributions."""
        weights = np.ones((len(self.selectors), classes))
        for answer in context.learner.monitor.answers(max(context.round, 1)):
            found = COUNTS.search(answer.asked.why)
            counts = [int(count) for count in found[1].split(",")] if found else []
            drawn = np.repeat(np.arange(len(counts)), counts)
            if len(drawn) == 1:  # by ``at``
                drawn = drawn.repeat(len(answer.asked.indices))
            if len(counts) == len(weights) and len(drawn) == len(answer.asked.indices):
                fresh = np.zeros_like(weights)
                np.add.at(fresh, (drawn[: len(answer.labels)], answer.labels), 1)
                weights = weights * self.discount + fresh
        return weights + 1

    @staticmethod
    def _rewards(context: PoolContext, prediction: Prediction, classes: int) -> np.ndarray:
        known = context.pool.annotated_indices
        counts = np.zeros(classes)
        if len(known):
            labels = numbers_of_labels(context.pool.labels_of(known), prediction)
            check_classes_of(labels, classes)
            counts = np.bincount(labels.cpu().numpy(), minlength=classes)
        rewards = 1 / np.maximum(counts, 1)
        return np.where(2 * counts > max(len(known), 1), -rewards, rewards)

    def __repr__(self) -> str:
        discount = "" if self.discount == 0.9 else f", discount={self.discount}"
        return f"Tailor({self.selectors!r}, {self.criterion!r}{discount})"


class _Drawn(Mix):
    """Mix of known numbers of picks."""

    def __init__(self, parts: list[tuple[int, Selector]]) -> None:
        total = sum(count for count, _ in parts)
        super().__init__(*((count / total, selector) for count, selector in parts))
        self._counts = [count for count, _ in parts]

    def __repr__(self) -> str:
        pairs = zip(self._counts, self.parts, strict=True)
        return f"Mix({', '.join(f'{count} {selector!r}' for count, (_, selector) in pairs)})"


def arms(space: Space | None = None) -> list[Selector]:
    """Selectors by uncertainty, coverage, both, predicted class balance, and chance.

    Args:
        space: space of those that compare features. Default: that of each selector.
    """
    return [
        TopK(),
        Balanced(),
        KMeansPlusPlus(GradientEmbedding()),
        TypiClust(space),
        UncertaintyHerding(space),
        Random(),
    ]
