"""Joins: a strategy in several processes, which start alike and are compared from then on."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor, nn

from alkit.errors import ProcessError
from alkit.launched import connect
from alkit.pool import Query, digest
from alkit.pool.fingerprint import fingerprint
from alkit.processes import exchanged, from_first, led, rank, world
from alkit.strategies.saving import restore, state_of, unlike_in

if TYPE_CHECKING:
    from alkit.strategies.asking import Asks

F = TypeVar("F", bound=Callable[..., Query])


class Joins:
    """Mixin of a strategy that agrees with those of the other processes of a training."""

    _joined: bool = False  # the processes have had the same state once
    _asked_alone: bool = False  # there was a query in one process

    def join(self, purpose: str) -> None:
        """Agree with the other processes on data, annotations, weights and seed.

        The first time, the state of the first process replaces that of the others, including its
        annotations and initial weights. From then on, annotations that differ are an error, and the
        weights and the seed become those of the first process if they differ, as the running
        statistics of BatchNorm do. With one process, nothing is computed.

        Args:
            purpose: what follows, the same in all processes.

        Raises:
            ProcessError: the processes have other data, other strategies or other annotations;
                raised in all of them.
        """
        if world() == 1:
            return
        strategy = cast("Asks", self)
        told = exchanged(_told(strategy), purpose)
        _compare([each["data"] for each in told], "data")
        if not all(each["joined"] for each in told):
            _check_not_asked([each["asked_alone"] for each in told])
            _take_over(strategy)
            self._joined = True
            return
        _compare([each["annotations"] for each in told], "annotations")
        if any(each["weights"] != told[0]["weights"] for each in told):
            weights = _sent(lambda: dict(strategy.module.state_dict()), "weights")
            if rank() > 0:
                strategy.module.load_state_dict(weights)
        strategy.seed, strategy.fits = told[0]["seed"], told[0]["fits"]


def asked_together(query: F) -> F:
    """Decorate a method that queries: all processes score, the first selects, all return it."""

    @functools.wraps(query)
    def ask(self: Asks, n: int | None = None, **options: Any) -> Query:
        what = f"query({n!r})"
        connect(what)
        if world() == 1:
            self._asked_alone = True
            return query(self, n, **options)
        self.join(what)
        if rank() > 0:
            options["progress"] = False  # one bar, that of the first
        whole = led(lambda: (query(self, n, **options), self._asked[:], self.unreadable), what)
        asked, self._asked[:], self.unreadable = whole
        return asked

    return cast(F, ask)


def _told(strategy: Asks) -> dict[str, Any]:
    pools = {"train_pool": strategy.train_pool, "val_pool": strategy.val_pool}
    known = {name: pool for name, pool in pools.items() if pool is not None}
    return {
        "joined": strategy._joined,
        "asked_alone": strategy._asked_alone,
        "data": {
            **{name: digest.of_data(pool) for name, pool in known.items()},
            **_fingerprints(strategy, {"val": strategy.val_data, "test": strategy.test_data}),
        },
        "annotations": {
            f"{name}: {part}": found
            for name, pool in known.items()
            for part, found in digest.of_annotations(pool).items()
        },
        "weights": _hash(strategy.module),
        "seed": int(strategy.seed),
        "fits": strategy.fits,
    }


def _fingerprints(strategy: Asks, data: Mapping[str, Any]) -> dict[str, str]:
    """Fingerprints of the datasets other than the pools, the first time."""
    if strategy._joined:
        return {}
    key = strategy.train_pool.label_key
    return {name: fingerprint(each, None, key) for name, each in data.items() if each is not None}


def _compare(told: list[dict[str, Any]], what: str) -> None:
    """Raise a ProcessError, in all processes, if one of them differs from the first."""
    for k, each in enumerate(told):
        names = [name for name, found in each.items() if _differ(found, told[0].get(name, found))]
        if names:
            raise ProcessError(
                f"process {k} of a distributed training has other {what} than process 0 "
                f"({', '.join(names)}). All processes need the same samples in the same order, and "
                "the same labels: make the data from one seed or one file, and annotate in all "
                "processes alike, pool.annotate_random(n, seed=...) between two rounds."
            )


def _check_not_asked(told: Sequence[bool]) -> None:
    """Raise a ProcessError, in all processes, if some queried before all were connected."""
    if any(told):
        raise ProcessError(
            f"processes {[k for k, alone in enumerate(told) if alone]} of a distributed training "
            "have queried before they were connected, each for itself. Start the script by "
            "torchrun, or call torch.distributed.init_process_group() first."
        )


def _differ(one: Any, other: Any) -> bool:
    return None not in (one, other) and one != other


def _take_over(strategy: Asks) -> None:
    """Give the state of the first process to the others."""
    state = _sent(lambda: state_of(strategy), "state")

    def take() -> None:
        if unlike := unlike_in(strategy, state):
            raise ProcessError(
                f"process {rank()} of a distributed training has another strategy than process 0: "
                f"{'; '.join(unlike)}."
            )
        restore(strategy, state, "the state of process 0")

    led(take if rank() > 0 else lambda: None, "state taken over")  # an error in one is one in all


def _sent(function: Callable[[], Any], what: str) -> Any:
    """Result of a function in the first process, its tensors on the CPU."""

    def packed() -> bytes:
        content = io.BytesIO()
        torch.save(function(), content)
        return content.getvalue()

    content = from_first(packed, what)
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)


def _hash(module: nn.Module) -> str:
    """Hash of all weights and buffers, bit for bit."""
    digests = blake2b(digest_size=16)
    for value in module.state_dict().values():
        if isinstance(value, Tensor):
            row = value.detach().reshape(-1).contiguous().cpu()
            digests.update(row.view(torch.uint8).numpy().tobytes())
    return digests.hexdigest()
