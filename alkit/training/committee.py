"""Committee: several copies of a LightningModule, each trained by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import lightning as L
import torch
from torch import nn

from alkit.blocks.posterior.ensemble import check_weights, redrawn
from alkit.blocks.posterior.stacked import stacked
from alkit.errors import ConfigurationError
from alkit.seeds import derive
from alkit.training.budget import check_counts
from alkit.training.history import HistoryOfFits


class Committee(L.LightningModule):
    """M modules of one kind; outputs ``(N, M, C)``, for the scoring of candidates.

    A fit trains each member as if it were alone, one after another, by its own ``training_step``
    and ``configure_optimizers``, in its own order of the data: M fits of the same budget. A test
    reports the mean over the members of what each logs. This needs an ``alkit.Trainer``, which
    makes a Trainer for each member; ``strategy.fit`` and ``strategy.test`` use one.

    Cost: M trainings, M tests, M forward passes for a prediction.

    Args:
        members: the modules, with different weights.
    """

    posterior_samples = True  # outputs (N, K, C) in eval mode

    def __init__(self, members: Sequence[L.LightningModule]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self._checked = False

    @classmethod
    def of(cls, module: L.LightningModule, members: int, seed: int) -> Committee:
        """A committee of a module and of copies whose weights are drawn again from ``seed``.

        Raises:
            ConfigurationError: there are fewer than two members, or weights cannot be redrawn.
        """
        check_counts(members=members)
        if members < 2:
            raise ConfigurationError(f"members must be an integer of at least 2, got {members!r}.")
        twins = []
        for k in range(1, members):
            with torch.random.fork_rng():
                torch.manual_seed(derive(seed, "member", k))
                twins.append(redrawn(module))
        return cls([module, *twins])

    @property
    def passes_to(self) -> nn.Module:
        """A module whose ``forward`` has the arguments of this one."""
        return self.members[0]

    @property
    def outputs(self) -> Any:
        """Kind of the outputs, as the members declare it."""
        return getattr(self.members[0], "outputs", None)

    @property
    def task(self) -> Any:
        """Task of the outputs, as the members declare it."""
        return getattr(self.members[0], "task", None)

    @property
    def declared_by(self) -> str:
        """Name of what declares them."""
        return getattr(self.members[0], "declared_by", type(self.members[0]).__name__)

    @property
    def validation_step(self) -> Callable[..., Any]:
        """The step of the first member, for Lightning's check that there is one."""
        return self.members[0].validation_step  # type: ignore[return-value]

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Outputs of all members, ``(N, M, C)``."""
        if not self._checked:
            check_weights([*self.members])
            self._checked = True
        outputs = [member(*inputs, **named) for member in self.members]
        return stacked(outputs, self.members[0], "Committee")

    def configure_callbacks(self) -> list[L.Callback]:
        """Raise: this has no steps, and a plain Trainer calls this hook first."""
        raise ConfigurationError(
            "an ensemble of LightningModules is trained member by member, with a Trainer for each: "
            "use strategy.fit(...) and strategy.test(), or an alkit.Trainer."
        )


def turns(learner: Any, *, trains: bool) -> Iterator[bool]:
    """Let each member of a learner's committee take the place of its module, one after another.

    Yields True for the last member, whose history is that of the learner; once, for a learner
    with any other module. Each member has its own seed. ``trains`` is True for a fit.
    """
    committee = getattr(learner, "module", None)
    if not isinstance(committee, Committee):
        yield True
        return
    if trains:
        learner.weights_from.begin(committee)
    seed, history, fits = learner.seed, learner.history, learner.fits
    new = learner._optimizers_are_new
    try:
        for k, member in enumerate(committee.members):
            last = k == len(committee.members) - 1
            learner.module, learner.seed = member, derive(seed, "member", k)
            learner.fits, learner._optimizers_are_new = fits, new
            learner.history = history if last else HistoryOfFits()
            yield last
    finally:
        learner.module, learner.seed, learner.history = committee, seed, history


def mean_results(results: Sequence[list[Mapping[str, float]]]) -> list[Mapping[str, float]]:
    """Mean of the results of several tests, loader by loader and name by name."""
    if len(results) == 1:
        return list(results[0])
    return [
        {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]}
        for parts in zip(*results, strict=True)
    ]


def again(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a Trainer for another one: copies of all but the logger, which is shared."""
    logger = arguments.get("logger")
    return copy.deepcopy(arguments, {id(logger): logger})
