"""Common parts of all laws: their report, and the check of the global random state."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import numpy as np
import torch
from torch import Tensor

from alkit.prediction import Prediction

T = TypeVar("T")


class LawError(AssertionError):
    """Error for a broken law: states the law, the input, the result and its consequence."""


def broken(law: str, part: object, on: str, came: str, means: str) -> NoReturn:
    """Report a law that a part breaks; the part is an object or its name."""
    name = part if isinstance(part, str) else repr(part)
    raise LawError(f"{name} breaks a law: {law}\n  on: {on}\n  got: {came}\n  means: {means}")


@contextmanager
def global_random_state_kept(part: object, on: str) -> Iterator[None]:
    """Check that global random state is left alone; restore the caller's state at the end."""
    before = _random_states()
    # advance by one draw, so that seeding with the caller's own seed is detected as well
    torch.rand(())
    random.random()
    np.random.random()  # noqa: NPY002
    here = _random_states()
    try:
        yield
        touched = [
            name for name, state in _random_states().items() if state != here.get(name, state)
        ]
        if touched:
            broken(
                "global random state is left alone",
                part,
                on,
                f"a changed state of {', '.join(touched)}",
                "it draws from or seeds a global generator, so runs are not repeatable, and "
                "other code is affected. Draw from the given generator.",
            )
    finally:
        torch.set_rng_state(torch.tensor(before["torch"], dtype=torch.uint8))
        np.random.set_state(before["numpy"])  # noqa: NPY002
        random.setstate(before["random"])
        if "torch.cuda" in before:
            cuda = [torch.tensor(state, dtype=torch.uint8) for state in before["torch.cuda"]]
            torch.cuda.set_rng_state_all(cuda)


def _random_states() -> dict[str, Any]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    states: dict[str, Any] = {
        "torch": torch.get_rng_state().tolist(),
        "numpy": (name, tuple(np.asarray(keys).tolist()), *rest),
        "random": random.getstate(),
    }
    if torch.cuda.is_initialized():
        states["torch.cuda"] = [state.tolist() for state in torch.cuda.get_rng_state_all()]
    return states


def run(part: object, on: str, call: Callable[[], T]) -> T:
    """Return the result of the call; report an error that it raises as a broken law."""
    try:
        return call()
    except LawError:
        raise
    except Exception as error:
        law = "every valid input has a valid result"
        came = f"{type(error).__name__}: {error}"
        broken(law, part, on, came, "a query would fail or return wrong samples.")


def contents(prediction: Prediction) -> dict[str, Tensor]:
    """Copies of all tensors of a prediction."""
    held = {"outputs": prediction.outputs, "ids": prediction.ids}
    if prediction.features is not None:
        held["features"] = prediction.features
    if prediction.kind != "values" and not prediction.unit:
        held["probabilities"] = prediction.probabilities
        held["mean_probabilities"] = prediction.mean_probabilities
    return {name: tensor.clone() for name, tensor in held.items()}


def check_unchanged(part: object, on: str, before: dict[str, Tensor], now: Prediction) -> None:
    """Check that a prediction is left unchanged."""
    after = contents(now)
    changed = [name for name, tensor in before.items() if not tensor.equal(after[name])]
    if changed:
        came = f"changed {', '.join(changed)}"
        means = "it works in place, and corrupts what the next criterion or selector reads."
        broken("its input is left unchanged", part, on, came, means)
