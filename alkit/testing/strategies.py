"""Laws of a strategy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from alkit.errors import QuerySizeError
from alkit.pool import ActiveLearningDataset
from alkit.strategies.learner import ActiveLearner
from alkit.testing.laws import broken, global_random_state_kept, run

MakeStrategy = Callable[[ActiveLearningDataset, Dataset], ActiveLearner]

QUIET: dict[str, Any] = {
    "accelerator": "cpu",  # where equal runs are equal bit for bit
    "logger": False,
    "enable_progress_bar": False,
    "enable_checkpointing": False,
}


def check_strategy(make_strategy: MakeStrategy) -> None:
    """Check a strategy against the laws, on a small pool of three clusters in the plane.

    A query returns exactly n distinct unannotated dataset indices, is repeatable, and changes
    nothing: no weight, buffer, mode, gradient, label or global random state. A wrong n raises.
    ``fit`` trains; ``reset_model`` restores the weights that the strategy was built with. The same
    seed gives the same run, bit for bit, and so does a pool whose unannotated labels are unusable.

    Cost: about ten fits of three steps, on the CPU.

    Args:
        make_strategy: function ``(pool, test) -> strategy``, called several times. It returns a
            built strategy without a ``val_pool``, with a fixed seed, for inputs ``(2,)`` and three
            classes.

    Raises:
        LawError: a broken law; the error states the law, the situation, the result and its
            consequence.
    """
    with torch.random.fork_rng(devices=[]):
        _check_queries(make_strategy)
        _check_query_sizes(make_strategy)
        _check_update(make_strategy)
        _check_reset(make_strategy)
        _check_runs(make_strategy)


class Clusters(Dataset):
    """Items ``(x, y)`` from three clusters; labels of unannotated samples may be poisoned."""

    def __init__(self, n: int, *, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.y = torch.arange(n) % 3
        centers = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
        self.x = centers[self.y] + torch.randn(n, 2, generator=generator)
        self.pool: ActiveLearningDataset | None = None  # if set, poisons unannotated labels

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        unpaid = self.pool is not None and self.pool.rounds[index] < 0
        return self.x[index], Poisoned() if unpaid else int(self.y[index])


class Poisoned:
    """Label that can be passed on, but raises when it is used."""

    def _raise(self, *_: object) -> NoReturn:
        raise RuntimeError("the label of an unannotated sample was used.")

    __bool__ = __int__ = __index__ = __float__ = __eq__ = __hash__ = __repr__ = _raise
    __lt__ = __gt__ = __add__ = __sub__ = __mul__ = __len__ = __iter__ = __getitem__ = _raise


def _make(make_strategy: MakeStrategy, *, poisoned: bool = False) -> ActiveLearner:
    dataset = Clusters(48, seed=1)
    pool = ActiveLearningDataset(dataset)
    pool.annotate_random(9, seed=0)
    dataset.pool = pool if poisoned else None
    torch.manual_seed(3)  # inside fork_rng: weights are drawn from torch's global generator
    return make_strategy(pool, Clusters(15, seed=2))


def _fit(strategy: ActiveLearner) -> None:
    strategy.fit(max_steps=3, **QUIET)


def _check_queries(make_strategy: MakeStrategy) -> None:
    strategy = _make(make_strategy)
    _check_query(strategy, "a strategy that was never fitted")
    run(strategy, "a fit of 3 steps", lambda: _fit(strategy))
    for k, module in enumerate(strategy.modules()):  # frozen parts stay frozen
        module.training = k % 2 == 0
    _check_query(strategy, "a fitted strategy, parts in train and parts in eval mode")


def _check_query(strategy: ActiveLearner, on: str) -> None:
    left = strategy.train_pool.unannotated_indices
    for n in (1, 5, len(left)):
        where = f"query({n}) of {on}"
        before = _state(strategy)
        with global_random_state_kept(_name(strategy), where):
            query = run(strategy, where, lambda n=n: np.asarray(strategy.query(n)))
            _check_unchanged(strategy, where, before)
            again = run(strategy, where, lambda n=n: np.asarray(strategy.query(n)))
        fits = query.shape == (n,) and np.issubdtype(query.dtype, np.integer)
        if not fits or len(np.unique(query)) != n or not np.isin(query, left).all():
            law = "a query returns exactly n distinct unannotated dataset indices"
            broken(law, _name(strategy), where, f"{query}", f"unannotated are {left}.")
        if not np.array_equal(query, again):
            law, came = "the same state gives the same query", f"{query} and then {again}"
            means = "a query changes something, or uses random numbers that no seed controls."
            broken(law, _name(strategy), where, came, means)


def _check_query_sizes(make_strategy: MakeStrategy) -> None:
    strategy = _make(make_strategy)
    before = _state(strategy)
    methods: list[Callable[..., object]] = [strategy.query, strategy.query_and_update]
    for method in methods:
        for n in (0, -1, len(strategy.train_pool.unannotated_indices) + 1, 1.5):
            on = f"{method.__name__}({n})"
            law, means = "a query of a wrong size raises QuerySizeError", "budget would be lost."
            try:
                came = f"{method(n)!r}"
            except QuerySizeError:
                _check_unchanged(strategy, on, before)
                continue
            except Exception as error:
                came = f"{type(error).__name__}: {error}"
            broken(law, _name(strategy), on, came, means)


def _check_update(make_strategy: MakeStrategy) -> None:
    strategy, on = _make(make_strategy), "query_and_update(4)"
    pool = strategy.train_pool
    before, annotated = _state(strategy), pool.annotated_indices
    expected = run(strategy, on, lambda: np.asarray(strategy.query(4)))
    query = run(strategy, on, lambda: np.asarray(strategy.query_and_update(4)))
    new = np.setdiff1d(pool.annotated_indices, annotated)
    if not np.array_equal(query, expected) or not np.array_equal(np.sort(query), new):
        law = "query_and_update annotates what query returns, and returns the same"
        came = f"{query} was returned and {new} annotated, where query returned {expected}"
        broken(law, _name(strategy), on, came, "the record would be wrong.")
    _check_unchanged(strategy, on, {**before, "pool": _state(strategy)["pool"]})


def _check_reset(make_strategy: MakeStrategy) -> None:
    strategy = _make(make_strategy)
    built = _state(strategy)["weights and buffers"]
    for on in ("one fit", "two fits", "a reset and two fits"):
        run(strategy, on, lambda: _fit(strategy))
        if _same(built, _state(strategy)["weights and buffers"]):
            law, came = "fit trains the model", "the weights it was built with"
            broken(law, _name(strategy), on, came, "training silently took no step.")
        if on == "one fit":
            continue  # the second fit starts from the weights of the first
        run(strategy, on, strategy.reset_model)
        if not _same(built, _state(strategy)["weights and buffers"]):
            law = "reset_model restores the weights and buffers it was built with"
            broken(
                law, _name(strategy), on, "other values", "each round would depend on earlier ones."
            )
        run(strategy, on, lambda: _fit(strategy))


def _check_runs(make_strategy: MakeStrategy) -> None:
    first = _record(make_strategy)
    name, again = "the strategy", _record(make_strategy)
    for (on, came), (_, came_again) in zip(first, again, strict=True):
        if not _same(came, came_again):
            law, means = "the same seed gives the same run", "give it a seed, and draw from it."
            broken(law, name, f"{on}, twice", f"{came} and then {came_again}", means)
    law = "a label that was not paid for is never used"
    means = "it reads labels that have not been bought, so its results look too good."
    try:
        poisoned = _record(make_strategy, poisoned=True)
    except Exception as error:
        came = f"{type(error).__name__}: {error}"
        broken(law, name, "a pool whose unannotated labels raise when they are used", came, means)
    for (on, came), (_, came_poisoned) in zip(first, poisoned, strict=True):
        if not _same(came, came_poisoned):
            broken(law, name, f"{on}, labels poisoned", f"{came_poisoned}, not {came}", means)


def _record(make_strategy: MakeStrategy, *, poisoned: bool = False) -> list[tuple[str, Any]]:
    """Events of three rounds: queries, weights, results."""
    strategy, events = _make(make_strategy, poisoned=poisoned), []
    for round in range(3):
        events.append((f"query of round {round}", np.asarray(strategy.query_and_update(5))))
        strategy.reset_model()
        _fit(strategy)
        events.append((f"weights of round {round}", _state(strategy)["weights and buffers"]))
        events.append((f"test of round {round}", strategy.test(**QUIET)))
    return events


def _state(strategy: ActiveLearner) -> dict[str, Any]:
    parameters = dict(strategy.named_parameters())
    return {
        "weights and buffers": {k: v.cpu().clone() for k, v in strategy.state_dict().items()},
        "modes": {name: module.training for name, module in strategy.named_modules()},
        "gradients": {
            k: None if p.grad is None else p.grad.cpu().clone() for k, p in parameters.items()
        },
        "trainable": {k: p.requires_grad for k, p in parameters.items()},
        "pool": copy.deepcopy(strategy.train_pool.state_dict()),
    }


def _check_unchanged(strategy: ActiveLearner, on: str, before: dict[str, Any]) -> None:
    after = _state(strategy)
    changed = [name for name in before if not _same(before[name], after[name])]
    if changed:
        law, came = "a query changes nothing", f"changed {', '.join(changed)}"
        broken(law, _name(strategy), on, came, "a query, or a repeated one, would alter the run.")


def _same(a: object, b: object) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        same_type = isinstance(b, list | tuple)
        return same_type and len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, Tensor | np.ndarray):
        return bool(np.array_equal(np.asarray(a), np.asarray(b), equal_nan=False))
    return a == b or (a != a and b != b)


def _name(strategy: ActiveLearner) -> str:
    return type(strategy).__name__
