"""Stream: decides for each sample that arrives whether to ask for its label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Self

import numpy as np

from alkit.arguments import check_integer
from alkit.errors import ConfigurationError
from alkit.launched import check_alone
from alkit.loop.arrivals import Scorer, check_waiting, load_stream, save_stream
from alkit.loop.decider import Decider, Decisions
from alkit.loop.rules import Rule
from alkit.loop.sources import arriving, batched, check_source
from alkit.pool.grown import Arrival, check_form, checked_labels, grown, parted, takes_dicts
from alkit.pool.labels import ABSENT, as_list, plain
from alkit.querying.checks import check_oracle
from alkit.strategies.learner import ActiveLearner
from alkit.training.as_given import check_restartable
from alkit.training.budget import limits_of


class Stream:
    """Decide for each sample of a stream whether to ask for its label, and learn from the labels.

        stream = Stream(strategy, budget=0.1, retrain_every=50, max_steps=300)
        for decisions in stream.over(source, oracle, batch_size=32):
            print(stream)

    The strategy scores a sample by its criterion, as in a query, and a ``Decider`` decides by the
    rule, within the budget at any time. No decision looks at a label. A mini-batch is scored by the
    model before its labels; apart from this, the decisions do not depend on its size.

    After each ``retrain_every`` labels the strategy is trained on all labels. A pool has a fixed
    number of samples, so ``strategy.train_pool`` becomes a new pool: the samples and annotations of
    the present one, and the labeled samples of the stream behind them, with their labels, in
    memory. The pool that the strategy was made with is not changed, and the new one has no ledger.

    Args:
        strategy: a built strategy, trained or not. Samples are decided on one by one, so its
            selector is not used: it must be ``TopK()`` if the rule needs scores.
        budget: share of the samples to ask for, in (0, 1].
        rule: see ``alkit.loop.rules``. Default: ``Quantile()``.
        window: number of the last samples that the budget, and a rule, are about; see ``Decider``.
        retrain_every: number of new labels after which the strategy is trained. Default: never; see
            ``retrain``.
        max_steps: gradient steps of each training.
        max_epochs: passes over the labeled samples, instead.
        warm_start: True to continue from the present weights instead of the initial ones.
        trainer: further arguments for the Trainer of each training.
        seed: seed of the random numbers. Default: that of the strategy.

    Attributes:
        decider: the ``Decider``, with the numbers of samples ``seen`` and ``asked`` for.
        labeled: number of labels that were given.
        waiting: inputs that wait for a label, by the number of the sample.

    Raises:
        ConfigurationError: an argument is wrong, or the strategy cannot score a sample by itself.
        UnbuiltError: the strategy is not built.

    Cost: a forward pass per mini-batch, and about a millisecond. Memory: the inputs that were asked
    for.
    """

    def __init__(
        self,
        strategy: ActiveLearner,
        budget: float,
        rule: Rule | None = None,
        *,
        window: int | None = None,
        retrain_every: int | None = None,
        max_steps: int | None = None,
        max_epochs: int | None = None,
        warm_start: bool = False,
        trainer: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> None:
        check_alone("Stream")
        if seed is None and isinstance(strategy, ActiveLearner):
            seed = strategy.seed
        self.decider = Decider(budget, rule, window=window, seed=seed)
        self._scorer = Scorer(strategy, self.decider.rule.needs_scores)
        self.strategy, self._dicts = strategy, takes_dicts(strategy.train_pool)
        self.retrain_every = retrain_every
        self._limits = {"max_steps": max_steps, "max_epochs": max_epochs}
        if retrain_every is not None:
            check_integer("retrain_every", retrain_every)
            limits_of(strategy.module, max_steps, max_epochs)
        self.warm_start = warm_start
        self._trainer = {"enable_progress_bar": False, **(trainer or {})}
        check_restartable(self._trainer.get("callbacks"))
        self.labeled = 0
        self.waiting: dict[int, Any] = {}
        self._new: list[Arrival] = []  # labeled samples that the pool does not have yet

    @property
    def seen(self) -> int:
        """Number of samples that have arrived."""
        return self.decider.seen

    @property
    def rate(self) -> float:
        """Share of all samples so far whose label was asked for; 0 before the first one."""
        return self.decider.rate

    # --- deciding -----------------------------------------------------------------------------

    def offer(self, samples: Sequence[Any]) -> Decisions:
        """Decide about a mini-batch of samples, which get the next numbers.

        Those that are asked for are in ``waiting`` until ``label`` gives their labels.

        Args:
            samples: list of items in the form of the pool's, with a label, which is not looked at,
                or without.

        Raises:
            ConfigurationError: they are not a list of at least one item.
            NonFiniteError, ScoreError: outputs or scores are not valid; nothing was decided.
        """
        if not isinstance(samples, list | tuple) or not samples:
            raise ConfigurationError(
                "offer takes a list of at least one sample, [x] for a single one, got "
                f"{type(samples).__name__}."
            )
        return self._decided([x for x, _ in self._parted(samples)])

    def over(
        self,
        source: Iterable[Any],
        oracle: Callable[[np.ndarray], Any] | None = None,
        *,
        batch_size: int = 1,
    ) -> Iterator[Decisions]:
        """Decide about the samples of a source, label them, and yield decisions per mini-batch.

        To continue with a source that starts again, pass ``islice(source, stream.seen, None)``.

        Args:
            source: an IterableDataset, or any iterable of samples in the form of the pool's items.
            oracle: function from the numbers of samples ``(n,)`` to their labels; their inputs are
                in ``waiting``. A sample that it answers with None waits for ``label``. Default: the
                labels of the source, if it has some.
            batch_size: number of samples that are scored at once.
        """
        check_oracle(oracle)
        check_integer("batch_size", batch_size)
        check_source(source)
        samples = arriving(source, lambda sample: self._parted([sample])[0][0])
        return self._over(samples, oracle, batch_size)

    def _over(self, source: Iterator[Any], oracle: Any, batch_size: int) -> Iterator[Decisions]:
        for batch in batched(source, batch_size):
            parts = self._parted(batch)
            decisions = self._decided([x for x, _ in parts])
            numbers = decisions.numbers[decisions.asked]
            if oracle is None:
                missing = self.strategy.train_pool._labels.gate.is_missing
                labels = [parts[k][1] for k in np.flatnonzero(decisions.asked)]
                labels = [None if missing(label) else label for label in labels]
            else:
                labels = as_list(oracle(numbers), len(numbers)) if len(numbers) else []
            given = [label is not None and label is not ABSENT for label in labels]
            if any(given):
                self.label(numbers[given], [y for y, known in zip(labels, given) if known])
            yield decisions

    def _parted(self, samples: Sequence[Any]) -> list[tuple[Any, Any]]:
        pool = self.strategy.train_pool
        parts = [parted(pool, item, self.seen + k) for k, item in enumerate(samples)]
        for k, (x, _) in enumerate(parts):
            check_form(x, self.seen + k, self._dicts)
        return parts

    def _decided(self, inputs: list[Any]) -> Decisions:
        scores = self._scorer(inputs)
        asked = self.decider(scores)
        numbers = np.arange(self.seen - len(inputs), self.seen)
        self.waiting.update((int(numbers[k]), inputs[k]) for k in np.flatnonzero(asked))
        return Decisions(numbers, scores, asked)

    # --- learning -----------------------------------------------------------------------------

    def label(self, numbers: Sequence[int] | np.ndarray, labels: Any) -> None:
        """Give one label per sample that was asked for, now or later, and train if it is time to.

        Raises:
            SampleIndexError: a number is not in ``waiting``, or is given twice.
            LabelError: a label is not one of the pool's; nothing was changed.
        """
        ids = check_waiting(numbers, self.waiting)
        earlier = [label for *_, label in self._new]
        values = checked_labels(self.strategy.train_pool, labels, ids, earlier)
        rows = zip(ids.tolist(), values, strict=True)
        self._new += [(number, self.waiting.pop(number), plain(y)) for number, y in rows]
        self.labeled += len(ids)
        if self.retrain_every is not None and len(self._new) >= self.retrain_every:
            self.retrain()

    def forget(self, numbers: Iterable[int]) -> None:
        """Expect no label of samples in ``waiting`` any more; they count as asked for."""
        for number in list(numbers):
            self.waiting.pop(int(number), None)

    def retrain(self) -> None:
        """Train the strategy on all labels, of its pool and of the stream.

        Raises:
            ConfigurationError: neither ``max_steps`` nor ``max_epochs`` was given.
        """
        limits_of(self.strategy.module, **self._limits)
        if self._new:
            self.strategy.train_pool = grown(self.strategy.train_pool, self._new)
            self._new = []
        if not self.warm_start:
            self.strategy.reset_model()
        self.strategy.fit(**self._limits, **self._trainer)

    # --- state --------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        """Write the stream and its strategy to one file, with the inputs that were asked for.

        Raises:
            ConfigurationError: an input, a label or the state of the strategy is not made of
                tensors, arrays, numbers and text.
            FolderError: the file cannot be written; an older one is unchanged.
        """
        save_stream(self, path)

    def load(self, path: str | PathLike[str]) -> Self:
        """Continue from what ``save`` wrote. Nothing changes if the file is refused.

        The stream and its strategy must be made as the saved ones were, over the same data.

        Raises:
            FolderError: the file is missing or damaged.
            ConfigurationError: it is of another stream, strategy or pool.
        """
        load_stream(self, path)
        return self

    def __repr__(self) -> str:
        more = f"{len(self.waiting)} waiting, {self.labeled} labeled"
        return f"Stream({self.decider!r}; {more})"
