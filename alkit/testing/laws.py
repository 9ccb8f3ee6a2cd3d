"""What every law has in common: how it is reported, and the global random state."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from alkit.prediction import Prediction


class LawError(AssertionError):
    """A part that breaks a law: which law, on what input, what came, and what it means."""


def broken(law: str, part: object, on: str, came: str, means: str) -> NoReturn:
    """Report a broken law of a part, or of what goes by a name."""
    name = part if isinstance(part, str) else repr(part)
    raise LawError(f"{name} breaks a law: {law}\n  on: {on}\n  came: {came}\n  means: {means}")


@contextmanager
def global_random_state_kept(part: object, on: str) -> Iterator[None]:
    """The law that global random state is left alone; the caller's own is restored at the end."""
    before = _random_states()
    # one step on, so that whatever seeds with the caller's own seed shows as well
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
                f"another state of {', '.join(touched)}",
                "it draws from or seeds a global generator, so runs are not repeatable, and "
                "other code changes with it. Draw from the generator that is given.",
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


def run(part: object, on: str, call: Callable[[], Any]) -> Any:
    """What the call returns, or the error that it raised as a broken law."""
    try:
        return call()
    except LawError:
        raise
    except Exception as error:
        law = "every valid input has a valid result"
        came = f"{type(error).__name__}: {error}"
        broken(law, part, on, came, "it would stop a query, or spoil it.")


def contents(prediction: Prediction) -> dict[str, Tensor]:
    """Copies of everything that a prediction holds."""
    held = {"outputs": prediction.outputs, "ids": prediction.ids}
    if prediction.features is not None:
        held["features"] = prediction.features
    if prediction.kind != "values":
        held["probabilities"] = prediction.probabilities
        held["mean_probabilities"] = prediction.mean_probabilities
    return {name: tensor.clone() for name, tensor in held.items()}


def check_unchanged(part: object, on: str, before: dict[str, Tensor], now: Prediction) -> None:
    """The law that a prediction is read only."""
    after = contents(now)
    changed = [name for name, tensor in before.items() if not tensor.equal(after[name])]
    if changed:
        came = f"other {', '.join(changed)} than before"
        means = "it works in place, and spoils what the next criterion or selector reads."
        broken("its input is left unchanged", part, on, came, means)
