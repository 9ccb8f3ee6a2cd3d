"""History of every value logged during a fit, by step and by epoch."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any

import lightning
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Series = dict[str, list[Any]]

_MOST_PENDING = 256  # limit on the values that are read from the device together
_NAME = re.compile(r"(?:(train|val|test)(?:_|(?=[A-Z])))?(.+?)(?:_(step|epoch))?(/.+)?")


class History(lightning.Callback):
    """Callback that records every value a model logs (``self.log``), as plain floats, and plots it.

    ``alkit.Trainer`` adds one automatically (``trainer.history``); pass one to a plain
    ``lightning.Trainer`` as a callback. Values of training, validation and test are recorded under
    Lightning's names.

    ``history.history[name]`` and ``history.step_history[name]`` are dicts of three lists of equal
    length: ``"value"``, ``"epoch"`` (0, 1, ...) and ``"step"`` (optimizer steps done when the
    value was logged). ``history`` holds values reduced over an epoch (``train_loss_epoch``),
    ``step_history`` values logged for a batch (``train_loss_step``).

    Cost: O(1) per value. Values stay on their device until the epoch ends, so no step waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self._epochs: dict[str, Series] = {}
        self._steps: dict[str, Series] = {}
        self._seen: dict[str, Tensor] = {}  # kept alive, so that no later value reuses its address
        self._pending: list[tuple[int, list[Any], Tensor]] = []

    @property
    def history(self) -> dict[str, Series]:
        """Values per epoch: ``{name: {"value": [...], "epoch": [...], "step": [...]}}``."""
        self._read_pending()
        return self._epochs

    @property
    def step_history(self) -> dict[str, Series]:
        """Values per batch: ``{name: {"value": [...], "epoch": [...], "step": [...]}}``."""
        self._read_pending()
        return self._steps

    def __repr__(self) -> str:
        return f"History({', '.join([*self.history, *self.step_history])})"

    def plot(self, ax: Axes | None = None) -> Any:
        """Plot the curves over the optimizer steps, batches pale and epochs strong.

        Args:
            ax: a matplotlib Axes for all curves. Default: a new figure with one panel per quantity
                (loss, accuracy, ...).

        Returns:
            ``ax``, or the array of the new figure's Axes.
        """
        curves: dict[str, dict[str, list[tuple[str, Series]]]] = {}
        for scale, history in (("step", self.step_history), ("epoch", self.history)):
            for name, series in history.items():
                found = _NAME.fullmatch(name)
                kind, quantity, _, loader = found.groups() if found else (None, name, None, None)
                if scale == "epoch" or kind not in ("val", "test"):  # their batches share one step
                    label = f"{kind or quantity}{loader or ''}"
                    curves.setdefault(quantity, {}).setdefault(label, []).append((scale, series))

        if ax is None:
            import matplotlib.pyplot as plt

            n = max(len(curves), 1)
            _, axes = plt.subplots(
                1, n, figsize=(4.8 * n, 3.4), squeeze=False, layout="constrained"
            )
            panels = axes[0]
        else:
            panels = [ax] * len(curves)
        colors = count()
        for panel, (quantity, lines) in zip(panels, curves.items(), strict=False):
            colors = count() if ax is None else colors
            for label, parts in lines.items():
                text = label if ax is None or label == quantity else f"{label} {quantity}"
                _draw(panel, parts, f"C{next(colors)}", text)
            panel.set(xlabel="step", ylabel=quantity if ax is None else "value")
            panel.spines[["top", "right"]].set_visible(False)
            panel.legend(frameon=False)
        return panels if ax is None else ax

    # --- hooks ----------------------------------------------------------------------------------

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object, **__: object) -> None:
        self._collect(trainer, self._steps)

    # at the start of a batch: values from the model's own hook at the end of the previous batch
    on_train_batch_start = on_validation_batch_end = on_test_batch_end = on_train_batch_end

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: object, **__: object) -> None:
        self._collect(trainer, self._epochs)
        self._read_pending()

    on_validation_end = on_test_end = on_train_epoch_end

    def on_train_epoch_start(self, trainer: lightning.Trainer, *_: object, **__: object) -> None:
        # values that the model logged at the end of the previous epoch, after this callback ran
        self._collect(trainer, self._epochs, epoch=trainer.current_epoch - 1)

    def on_train_end(self, trainer: lightning.Trainer, *_: object, **__: object) -> None:
        self._collect(trainer, self._epochs, epoch=trainer.current_epoch - 1)
        self._read_pending()

    def teardown(self, *_: object, **__: object) -> None:
        self._seen.clear()
        for name in ("log", "log_dict"):  # Lightning binds the model's own methods here
            self.__dict__.pop(name, None)

    def _collect(
        self, trainer: lightning.Trainer, into: dict[str, Series], epoch: int | None = None
    ) -> None:
        """Collect new values: Lightning keeps listing a value until its name is logged again."""
        if trainer.sanity_checking:
            return
        epoch = trainer.current_epoch if epoch is None else epoch
        for name, value in trainer.logged_metrics.items():
            before = self._seen.get(name)
            if before is not None and before.data_ptr() == value.data_ptr():
                continue
            self._seen[name] = value
            scale = self._steps if name in self._steps else into
            series = scale.setdefault(name, {"value": [], "epoch": [], "step": []})
            self._pending.append((len(series["value"]), series["value"], value))
            series["value"].append(None)
            series["epoch"].append(epoch)
            series["step"].append(trainer.global_step)
        if len(self._pending) >= _MOST_PENDING:
            self._read_pending()

    def _read_pending(self) -> None:
        for position, values, value in self._pending:
            values[position] = value.tolist()
        self._pending.clear()


class HistoryOfFits(History):
    """History of a strategy over all its fits and tests, in addition to that of each Trainer."""

    def restore(self, history: dict[str, Series], step_history: dict[str, Series]) -> None:
        """Replace the recorded values with those of another history."""
        self._pending.clear()
        self._seen.clear()
        self._epochs, self._steps = history, step_history


def _draw(panel: Axes, parts: list[tuple[str, Series]], color: str, label: str) -> None:
    """Draw one curve: its batches (pale if there are epochs too) and its epochs."""
    for scale, series in parts:
        pale = scale == "step" and len(parts) > 1
        panel.plot(
            series["step"],
            series["value"],
            color=color,
            alpha=0.3 if pale else 1.0,
            linewidth=1.0 if scale == "step" else 1.8,
            marker="o" if scale == "epoch" and len(series["value"]) <= 30 else None,
            markersize=4,
            label=None if pale else label,
        )
