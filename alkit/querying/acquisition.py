"""Acquisition: a criterion and a selector, and the asking."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from alkit.criteria import Constant, Context, Criterion, Margin, as_criterion
from alkit.criteria.each import over
from alkit.errors import ConfigurationError
from alkit.pool import Query
from alkit.pool.trace import Seen, Trace, drawn
from alkit.prediction import Prediction, held_by
from alkit.progress import watching
from alkit.querying.checks import check_features, numbers_of_labels
from alkit.querying.context import PoolContext
from alkit.querying.doubts import doubts, explained, is_constant, without_rows
from alkit.querying.fixed import of_pool
from alkit.querying.gathered import Gathered, gather
from alkit.querying.look import look_at
from alkit.querying.second_look import LookAgain
from alkit.seeds import derive, generator
from alkit.selectors import Candidates, Picks, Selector, TopK, as_selector

ScoreFunction = Callable[[Prediction], Tensor]


class Acquisition:
    """A criterion that scores each candidate, and a selector that picks a batch.

        strategy = al.Strategy(net, pool, acquisition=al.Acquisition(al.BALD(), al.Power(8)))
        strategy.acquisition = al.Acquisition(al.Margin(), al.KCenter())

    Any acquisition goes with any training. A subclass that depends on the state of the model or
    pool overrides ``at``; one that needs neither criterion nor selector overrides ``ask``.

    Args:
        criterion: the score of each candidate: a Criterion, or a function of a Prediction.
            Default: ``Margin()``.
        selector: the choice of a batch: a Selector, or a function
            ``(candidates, n, generator) -> positions``. Default: ``TopK()``.
        reason: why this criterion and this selector, added to ``query.why``.
    """

    def __init__(
        self,
        criterion: Criterion | ScoreFunction | None = None,
        selector: Selector | Callable[..., Any] | None = None,
        reason: str = "",
    ) -> None:
        self.criterion = as_criterion(Margin() if criterion is None else criterion)
        self.selector = as_selector(TopK() if selector is None else selector)
        self.reason = reason

    def at(self, context: Context) -> Acquisition:
        """The acquisition with all that its criterion needs from a context."""
        criterion = self.criterion
        if "scores" in self.selector.needs:  # otherwise nothing is scored
            criterion = criterion.at(context)
        return Acquisition(criterion, self.selector, self.reason)

    def ask(self, context: PoolContext, n: int) -> Query:
        """Query ``n`` of the unannotated samples: look, score, select.

        Cost: one forward pass over the candidates; for a selector that uses neither scores nor
        predictions, such as ``Random()``, over the picks alone. Then that of the selector.
        """
        started = time.perf_counter()
        bound = self.at(context)
        seen = bound.look(context)
        candidates = bound.candidates(context, seen)
        scored = time.perf_counter()
        draws = generator(context.seed, "select", context.round)
        with watching("selection"):
            picks = bound.pick(candidates, seen, n, draws)
        selected = time.perf_counter()
        ids = candidates.ids.cpu()[picks.positions]
        names = context.pool.names
        return bound.query(
            candidates,
            picks,
            seen.scores,
            seen.watched,
            bare=seen.bare,
            round=context.round,
            guesses=_guesses(context, ids) if seen.watched is None else seen.guesses_of(ids),
            names=None if names is None else [names[i] for i in ids.tolist()],
            classes=context.pool.classes,
            seconds={"score": scored - started, "select": selected - scored},
            look_again=LookAgain(context, bound.criterion, seen, ids),
            declared=str(context.learner.predictor.meaning),
            trained=context.learner.trained,
        )

    def look(self, context: PoolContext) -> Gathered:
        """Predict all candidates once, score each batch, and keep what the selector needs."""
        ids, needs = torch.from_numpy(context.pool.unannotated_indices), self.selector.needs
        keep = needs & {"outputs", "features"}
        terms = self.criterion.terms if "scores" in needs else ()
        if not keep and not terms:
            return Gathered(ids)
        check_features(self.selector, context.learner.predictor.features_of(context.learner.module))
        watch = ids[drawn(len(ids), derive(context.seed, "doctor", context.round))]
        return look_at(
            context, ids, terms=terms, keep=keep, guesses=True, watch=watch, storage=context.storage
        )

    def candidates(self, context: PoolContext, seen: Gathered) -> Candidates:
        """The candidates with their final scores, and what the selector needs of the others."""
        needs, annotated, labels, head = self.selector.needs, None, None, None
        known, scores = context.pool.annotated_indices, self.combined(seen.scores)
        held = seen.ids if seen.prediction is None else held_by(seen.prediction)
        device = held.device if scores is None else scores.device
        fixed = of_pool(context, needs, seen.ids.numpy(), known, device)
        keep = needs & {"outputs", "features"}
        if len(known) and "annotated" in needs and (keep or fixed is None):
            place = None if seen.prediction is None else device  # that of the candidates
            annotated = context.predict(known, keep=keep or {"outputs"}, device=place)
        if len(known) and "labels" in needs:
            labels = numbers_of_labels(context.pool.labels_of(known), seen.prediction)
        if "head" in needs:
            head = context.learner.predictor.head_of(context.learner.module)
        return Candidates(scores, seen.prediction, annotated, labels, head, seen.ids, fixed)

    def pick(self, candidates: Candidates, seen: Gathered, n: int, draws: Generator) -> Picks:
        """The choice of the selector; a subclass may look at ``seen`` and choose another one."""
        return self.selector(candidates, n, draws)

    def combined(self, scores: Sequence[Tensor]) -> Tensor | None:
        """Final scores ``(N,)`` from those of each term; None where nothing was scored."""
        return self.criterion.combine(*scores) if scores else None

    def query(
        self,
        candidates: Candidates,
        picks: Picks,
        scores: Sequence[Tensor],
        sample: Seen | None,
        *,
        bare: Tensor | None = None,
        look_again: Callable[[], Any] | None = None,
        declared: str = "",
        trained: bool = True,
        **known: Any,
    ) -> Query:
        """The Query of some picks among scored candidates.

        Args:
            candidates: the candidates, with their final scores.
            picks: what the selector picked.
            scores: ``(N,)`` of each term of the criterion.
            sample: rows of some of the candidates, for the trace.
            bare: ``(N,)`` True for a candidate without rows.
            look_again, declared: see ``Trace``.
            trained: False if the model was not trained since it was built.
            **known: further fields of the Query.
        """
        final, why = candidates.scores, repr(self.selector)
        trace: dict[str, Any] = {
            "candidates": len(candidates), "sample": sample, "unreachable": picks.unreachable,
            "look_again": look_again, "declared": declared,
        }  # fmt: skip
        values, shares, reasons = None, {}, []
        if final is not None and "scores" in self.selector.needs:
            why = f"{why} of {over(self.criterion, sample.unit if sample else '')!r}"
            rows = picks.positions.to(final.device)
            values = final[rows].cpu().numpy()
            parts = self.criterion.shares(*scores)
            shares = {name: part[rows].cpu().numpy() for name, part in parts.items()}
            trace |= self._scored(candidates, final, scores, sample, float(values.min()))
            if not isinstance(self.criterion, Constant):
                reasons = doubts(
                    final,
                    len(values),
                    sample,
                    trained=trained,
                    disagreement=any(term.disagreement for term in self.criterion.terms),
                    alone=self.selector.needs == {"scores"},
                )
                wanted = any(getattr(term, "empty", 0) for term in self.criterion.terms)
                if bare is not None and sample is not None and not wanted:
                    reasons += without_rows(bare, picks.positions, sample.unit)
        return Query(
            candidates.ids.cpu()[picks.positions].numpy(),
            scores=values,
            why=explained(why, "; ".join(filter(None, [self.reason, picks.note])), reasons),
            probabilities=None if picks.probabilities is None else picks.probabilities.numpy(),
            shares=shares,
            trace=Trace(**trace),
            **known,
        )

    def _scored(
        self,
        candidates: Candidates,
        final: Tensor,
        scores: Sequence[Tensor],
        sample: Seen | None,
        lowest: float,
    ) -> dict[str, Any]:
        """Fields of a trace that are about scores."""
        terms = self.criterion.terms
        columns = [*zip(terms, scores, strict=True), (self.criterion, final)]
        constant = [repr(term) for term, column in columns if is_constant(column)]
        of_sample = None
        if sample is not None:
            rows = torch.searchsorted(candidates.ids.cpu(), sample.prediction.ids)
            of_sample = final[rows.to(final.device)].cpu().numpy()
        return {
            "scores": of_sample,
            "tied": int((final == lowest).count_nonzero()),
            "constant": tuple(dict.fromkeys(constant)),
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.criterion!r}, {self.selector!r})"


def as_acquisition(
    acquisition: object,
    criterion: Criterion | ScoreFunction | None = None,
    selector: Selector | Callable[..., Any] | None = None,
) -> Acquisition:
    """Return the acquisition, or build one of a criterion and a selector.

    Raises:
        ConfigurationError: it is not an Acquisition, or comes with a criterion or selector.
    """
    if acquisition is None:
        return Acquisition(criterion, selector)
    if not isinstance(acquisition, Acquisition):
        raise ConfigurationError(
            f"acquisition must be an alkit.Acquisition, got {acquisition!r}: "
            "Acquisition(criterion, selector)."
        )
    if criterion is not None or selector is not None:
        raise ConfigurationError("give an acquisition, or a criterion and a selector, not both.")
    return acquisition


def _guesses(context: PoolContext, ids: Tensor) -> np.ndarray | None:
    """Guesses of picks that a selector took without a look at any candidate."""
    with context.stream(ids.numpy()) as predictions:
        return gather(predictions, len(ids), guesses=True).guesses_of(ids)
