"""Context of a strategy's query: its pool, its model, and what both can answer."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from alkit.criteria import Context
from alkit.errors import ConfigurationError
from alkit.pool import ActiveLearningDataset
from alkit.pool.annotations import Indices
from alkit.prediction import Prediction
from alkit.querying.gathered import gather
from alkit.querying.monitor import Monitor
from alkit.querying.predictor import Predictor
from alkit.storage import DEFAULT, Storage


class Learner(Protocol):
    """Parts of a strategy that a query uses; see ``ActiveLearner``."""

    predictor: Predictor
    train_pool: ActiveLearningDataset
    val_pool: ActiveLearningDataset | None
    seed: int
    test_batch_size: int

    @property
    def module(self) -> nn.Module: ...

    @property
    def loader(self) -> dict[str, Any]: ...

    @property
    def monitor(self) -> Monitor: ...

    @property
    def trained(self) -> bool: ...

    def predictions(
        self, pool: ActiveLearningDataset, indices: Indices
    ) -> Generator[Prediction, None, None]: ...

    def scoring_batches(self, pool: ActiveLearningDataset, indices: Indices) -> Iterable[Any]: ...


class PoolContext(Context):
    """The context of a strategy: predictions, held-out labels and parts of its module on request.

    Args:
        learner: the strategy.
        pool: the pool whose unannotated samples are the candidates.
    """

    def __init__(self, learner: Learner, pool: ActiveLearningDataset) -> None:
        super().__init__(pool.next_round, learner.seed)
        self.learner = learner
        self.pool = pool

    @property
    def storage(self) -> Storage:
        """Place of the outputs and features that are kept of many samples."""
        storage = getattr(self.learner, "storage", DEFAULT)
        if not isinstance(storage, Storage):
            raise ConfigurationError(
                'storage of a strategy must be an al.querying.Storage, such as Storage("float16"), '
                f"got {storage!r}. The default is Storage()."
            )
        return storage

    @contextmanager
    def stream(
        self, ids: Indices, pool: ActiveLearningDataset | None = None
    ) -> Iterator[Iterator[Prediction]]:
        """Predictions of some samples, batch by batch, in eval mode until the block ends."""
        with closing(self.learner.predictions(pool or self.pool, ids)) as predictions:
            yield predictions

    def predict(
        self,
        ids: Sequence[int] | np.ndarray | Tensor,
        pool: ActiveLearningDataset | None = None,
        keep: Set[str] = frozenset({"outputs"}),
        device: torch.device | None = None,
    ) -> Prediction:
        """One prediction of some samples of a pool, in the order of their ids.

        Args:
            ids: dataset indices, at least one.
            pool: the pool of these samples. Default: that of the context.
            keep: ``"outputs"``, ``"features"`` or both.
            device: device of these. Default: that of the model, if they fit there.
        """
        if not len(ids):
            raise ConfigurationError("expected at least one sample to predict, got none.")
        with self.stream(ids, pool) as predictions:
            seen = gather(predictions, len(ids), keep=keep, storage=self.storage)
        found: Prediction = seen.prediction  # type: ignore[assignment]
        parts = {name: getattr(found, name) for name in seen.kept}
        if device is None or all(rows.device == device for rows in parts.values()):
            return found
        return replace(found, **{name: rows.to(device) for name, rows in parts.items()})

    def draw(self, n: int, purpose: str, samples: object = None) -> Prediction:
        pool = self.pool
        if samples is not None:
            known = isinstance(samples, ActiveLearningDataset)
            pool = samples if known else ActiveLearningDataset(samples)
        ids = self.pool.unannotated_indices if samples is None else pool.indices
        if not len(ids):
            raise ConfigurationError(
                f"{purpose} are drawn from the unannotated samples of the pool, and it has none: "
                "give the criterion a dataset of such inputs, EPIG(targets=dataset)."
            )
        drawn = self.generator(purpose).choice(ids, size=min(n, len(ids)), replace=False)
        return self.predict(np.sort(drawn), pool)

    def held_out(self) -> tuple[Prediction, list[Any]] | None:
        pool = self.learner.val_pool
        if pool is None:
            raise ConfigurationError(
                "a temperature is fitted to labels that the model was not trained on: give the "
                "strategy a val_pool, ActiveLearningDataset(validation), of which val_share of "
                "each query is annotated."
            )
        ids = pool.annotated_indices
        return (self.predict(ids, pool), pool.labels_of(ids)) if len(ids) else None

    def labels(self) -> list[Any]:
        return self.pool.labels_of(self.pool.annotated_indices)

    def part(self, path: str) -> nn.Module:
        try:
            return self.learner.module.get_submodule(path)
        except AttributeError as error:
            names = ", ".join(name for name, _ in self.learner.module.named_children())
            raise ConfigurationError(
                f"the module of the strategy has no part {path!r}; it has {names}."
            ) from error

    def weights(self) -> list[int]:
        """Version of each parameter and buffer, which every change in place counts up."""
        module = self.learner.module
        return [id(t) + t._version for t in (*module.parameters(), *module.buffers())]
