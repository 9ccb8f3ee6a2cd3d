"""A strategy that asks for what would tell it the most about its predictions elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
from torch import nn
from typing_extensions import Unpack

from alkit.criteria import EPIG, Criterion
from alkit.pool import ActiveLearningDataset
from alkit.querying.gathered import gather
from alkit.seeds import derive
from alkit.selectors import Selector
from alkit.strategies.strategy import Strategy, StrategyOptions
from alkit.training.budget import check_counts


class EPIGStrategy(Strategy):
    """A strategy whose criterion is ``EPIG``, against targets that it predicts each round.

    Candidates are scored in a stream, as by any criterion; what the model says of the targets is
    all that is held. Targets are drawn anew each round, and need no label.

    Bickford Smith et al. 2023, "Prediction-oriented Bayesian active learning", section 5. Cost: a
    forward pass over the targets and one over the candidates, and that of ``EPIG``; memory: M K C
    for M targets.

    Args:
        classifier: a network that returns K posterior samples ``(N, K, C)``, the same ones for
            every batch, such as ``MCDropout(net)``.
        train_pool: the pool.
        selector: which candidates together. Default: ``TopK()``.
        targets: the inputs whose predictions matter, a dataset or a pool. Default: the
            unannotated samples of ``train_pool``, where it looks like what the model will meet.
        num_targets: how many of these are drawn each round, at most.
        **options: those of ``Strategy``.

    Raises:
        ConfigurationError: ``num_targets`` that is no integer of at least 1.
    """

    def __init__(
        self,
        classifier: nn.Module,
        train_pool: ActiveLearningDataset,
        selector: Selector | Callable[..., Any] | None = None,
        *,
        targets: Any = None,
        num_targets: int = 200,
        **options: Unpack[StrategyOptions],
    ) -> None:
        check_counts(num_targets=num_targets)
        super().__init__(classifier, train_pool, None, selector, **options)
        known = targets is None or isinstance(targets, ActiveLearningDataset)
        self.targets = targets if known else ActiveLearningDataset(targets)
        self.num_targets = num_targets

    @property
    def acquisition(self) -> Criterion:
        """``EPIG`` against what the model says now of this round's targets."""
        pool, round = self.targets, self.train_pool.next_round
        ids = self.train_pool.unannotated_indices if pool is None else np.arange(len(pool))
        rng = np.random.default_rng(derive(self.seed, "targets", round))
        ids = rng.choice(ids, size=min(self.num_targets, len(ids)), replace=False)
        with closing(self.predictions(pool or self.train_pool, np.sort(ids))) as predictions:
            seen = gather(predictions, len(ids), keep={"outputs"}).prediction
        return EPIG(seen)  # type: ignore[arg-type]
