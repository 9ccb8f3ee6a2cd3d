"""Laws of a strategy."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from alkit.errors import ConfigurationError, QuerySizeError
from alkit.pool import ActiveLearningDataset
from alkit.strategies.learner import ActiveLearner
from alkit.testing.clusters import Clusters
from alkit.testing.laws import broken, global_random_state_kept, run
from alkit.testing.states import same, state_of

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
    ``fit`` trains; ``reset_model`` restores the weights that the strategy was built with, and the
    next fit is then the first one again, bit for bit, if ``fits`` (which seeds the order of the
    data) and torch's generator are set back: nothing else is remembered. The same seed gives the
    same run, bit for bit, and so does a pool whose unannotated labels are unusable: those of its
    items raise, and those in ``dataset.targets``, ``.labels`` and ``.y`` are wrong.

    Cost: about ten fits of three steps, on the CPU.

    Args:
        make_strategy: function ``(pool, test) -> strategy``, called several times. It returns a
            built strategy without a ``val_pool``, with a fixed seed, for inputs ``(2,)`` and three
            classes.

    Raises:
        LawError: a broken law; the error states the law, the situation, the result and its
            consequence.
        ConfigurationError: the argument is not such a function, or makes no built strategy.
    """
    _check_maker(make_strategy)
    with torch.random.fork_rng(devices=[]):
        _check_queries(make_strategy)
        _check_query_sizes(make_strategy)
        _check_update(make_strategy)
        _check_reset(make_strategy)
        _check_runs(make_strategy)


def _make(make_strategy: MakeStrategy, *, poisoned: bool = False) -> ActiveLearner:
    dataset = Clusters(48, seed=1)
    pool = ActiveLearningDataset(dataset)
    pool.annotate_random(9, seed=0)
    dataset.pool = pool if poisoned else None
    torch.manual_seed(3)  # inside fork_rng: weights are drawn from torch's global generator
    strategy = make_strategy(pool, Clusters(15, seed=2))
    if not isinstance(strategy, ActiveLearner) or strategy.initial_weights is None:
        got = "an unbuilt one" if isinstance(strategy, ActiveLearner) else repr(strategy)
        raise ConfigurationError(
            f"make_strategy(pool, test) must return a built strategy, got {got}: call .build()."
        )
    return strategy


def _check_maker(make_strategy: Any) -> None:
    """Raise a ConfigurationError unless it is a function of a pool and a test set."""
    fits = callable(make_strategy) and not isinstance(make_strategy, ActiveLearner | type)
    try:
        if fits:
            inspect.signature(make_strategy).bind(None, None)
    except TypeError:
        fits = False
    except ValueError:  # a function without a signature
        pass
    if not fits:
        learner = isinstance(make_strategy, ActiveLearner)
        got = f"a {type(make_strategy).__name__}" if learner else repr(make_strategy)
        raise ConfigurationError(
            "check_strategy takes a function that makes a strategy, such as lambda pool, test: "
            f"al.Strategy(net(), pool, test=test, seed=0).build(), got {got}."
        )


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
        before = state_of(strategy)
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
    before = state_of(strategy)
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
    before, annotated = state_of(strategy), pool.annotated_indices
    expected = run(strategy, on, lambda: np.asarray(strategy.query(4)))
    query = run(strategy, on, lambda: np.asarray(strategy.query_and_update(4)))
    new = np.setdiff1d(pool.annotated_indices, annotated)
    if not np.array_equal(query, expected) or not np.array_equal(np.sort(query), new):
        law = "query_and_update annotates what query returns, and returns the same"
        came = f"{query} was returned and {new} annotated, where query returned {expected}"
        broken(law, _name(strategy), on, came, "the record would be wrong.")
    _check_unchanged(strategy, on, {**before, "pool": state_of(strategy)["pool"]})


def _check_reset(make_strategy: MakeStrategy) -> None:
    strategy = _make(make_strategy)
    built = state_of(strategy)["weights and buffers"]
    first = _first_fit(strategy, "one fit", built)
    run(strategy, "two fits", lambda: _fit(strategy))  # from the weights of the first
    for on in ("two fits and a reset", "a reset, a fit and a reset"):
        run(strategy, on, strategy.reset_model)
        if not same(built, state_of(strategy)["weights and buffers"]):
            law = "reset_model restores the weights and buffers it was built with"
            means = "each round would depend on earlier ones."
            broken(law, _name(strategy), on, "other values", means)
        if not same(first, _first_fit(strategy, on, built)):
            law = "a fit after reset_model is the first fit again"
            means = (
                "it remembers earlier rounds in what reset_model does not restore, such as an "
                "average of weights or the moments of an optimizer: keep it in buffers."
            )
            broken(law, _name(strategy), f"{on}, and a fit", "other weights", means)


def _first_fit(strategy: ActiveLearner, on: str, built: dict[str, Any]) -> dict[str, Any]:
    """Weights and buffers after a fit with the random numbers of the first fit."""
    strategy.fits = 0  # it seeds the order of the data
    torch.manual_seed(4)
    run(strategy, on, lambda: _fit(strategy))
    weights = state_of(strategy)["weights and buffers"]
    if same(built, weights):
        law, came = "fit trains the model", "the weights it was built with"
        broken(law, _name(strategy), on, came, "training silently took no step.")
    return weights


def _check_runs(make_strategy: MakeStrategy) -> None:
    first = _record(make_strategy)
    name, again = "the strategy", _record(make_strategy)
    for (on, came), (_, came_again) in zip(first, again, strict=True):
        if not same(came, came_again):
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
        if not same(came, came_poisoned):
            broken(law, name, f"{on}, labels poisoned", f"{came_poisoned}, not {came}", means)


def _record(make_strategy: MakeStrategy, *, poisoned: bool = False) -> list[tuple[str, Any]]:
    """Events of three rounds: queries, weights, results."""
    strategy, events = _make(make_strategy, poisoned=poisoned), []
    for round in range(3):
        events.append((f"query of round {round}", np.asarray(strategy.query_and_update(5))))
        strategy.reset_model()
        _fit(strategy)
        events.append((f"weights of round {round}", state_of(strategy)["weights and buffers"]))
        events.append((f"test of round {round}", strategy.test(**QUIET)))
    return events


def _check_unchanged(strategy: ActiveLearner, on: str, before: dict[str, Any]) -> None:
    after = state_of(strategy)
    changed = [name for name in before if not same(before[name], after[name])]
    if changed:
        law, came = "a query changes nothing", f"changed {', '.join(changed)}"
        broken(law, _name(strategy), on, came, "a query, or a repeated one, would alter the run.")


def _name(strategy: ActiveLearner) -> str:
    return type(strategy).__name__
