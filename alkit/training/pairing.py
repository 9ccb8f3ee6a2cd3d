"""Check that a loss compares each output with its own target."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor, nn
from torch.nn.modules.loss import _Loss

from alkit.errors import ShapeError

FEWEST = 4  # samples in a batch that is checked


def check_pairing(loss: object, targets: object, outputs: object, *, values: bool = True) -> None:
    """Raise if a loss does not depend on which target belongs to which output.

    So it is where targets ``(B,)`` meet outputs ``(B, 1)`` and broadcast to ``(B, B)``: all outputs
    are then trained towards the mean of all targets. The loss is computed for targets that
    alternate around the outputs, and for the same ones moved by one sample. Losses of torch get
    equal shapes and are not checked; nor are fewer than four samples, equal outputs, and a loss
    that takes other targets.

    Cost: three evaluations of the loss.

    Args:
        loss: the loss.
        targets, outputs: those of a batch.
        values: True if the outputs are declared as values. Otherwise, whole numbers are classes,
            which are not checked.

    Raises:
        ShapeError: it does not, although it depends on the targets.
    """
    parts = [outputs] if isinstance(outputs, Tensor) else outputs
    if isinstance(loss, _Loss) or not callable(loss) or not isinstance(parts, list | tuple):
        return
    if not isinstance(targets, Tensor) or targets.ndim not in (1, 2) or len(targets) < FEWEST:
        return
    if not values and not targets.is_floating_point():
        return
    n = len(targets)
    if not all(isinstance(part, Tensor) and part.shape[:1] == (n,) for part in parts):
        return
    exact = [part.detach().cpu().double() for part in parts]
    size = 1 + max(float(part.abs().max()) for part in exact)
    if min(float(part.reshape(n, -1).std(0).min()) for part in exact) < 1e-9 * size:
        return
    moved = 10 * size * (torch.arange(n) % 2 * 2 - 1) + torch.linspace(0, 1, n).double()
    moved = moved[:, None].expand(n, targets[0].numel()).reshape(targets.shape)
    returned = exact[0] if isinstance(outputs, Tensor) else exact
    paired, apart, other = (_value(loss, returned, y) for y in (moved, moved.roll(1, 0), 2 * moved))
    close = 1e-9 * max(abs(paired), abs(apart))
    if abs(paired - apart) <= close < abs(paired - other):
        shapes = " and ".join(str(tuple(part.shape)) for part in parts)
        raise ShapeError(
            f"The loss is the same whichever target belongs to which output: outputs {shapes} and "
            f"targets {tuple(targets.shape)} are broadcast against each other. Give them one shape "
            "in the loss, such as outputs.reshape(targets.shape); if that is meant, override "
            "compute_loss of an application."
        )


def _value(loss: Callable[..., Any], outputs: Any, targets: Tensor) -> float:
    """The loss as a number; NaN if it cannot be computed for these targets."""
    function = copy.deepcopy(loss).cpu() if isinstance(loss, nn.Module) else loss
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), catch_warnings():
            simplefilter("ignore")  # torch warns of some that broadcast
            value = function(outputs, targets)
        return float(sum(value.values()) if isinstance(value, dict) else value)
    except Exception:  # a loss that takes other targets is not for this check
        return math.nan
