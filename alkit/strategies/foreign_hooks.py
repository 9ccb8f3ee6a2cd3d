"""Methods that other libraries call on a subclass, and alkit never would."""

from __future__ import annotations

from alkit.errors import ForeignHookError

HOOKS = {
    "pool_step": ("Energizer", "score(self, prediction) or query_strategy(self, pool, n)"),
    "train_step": ("Energizer", "training_step(self, batch, batch_idx) of a LightningModule"),
    "predict_on_dataset": ("baal", "predictions(self, pool, indices)"),
}
"""Hook: the library that calls it, and what to override here."""


def check_hooks(learner: object) -> None:
    """Raise if the class of a learner defines a hook of another library.

    Raises:
        ForeignHookError: it does, and nothing would ever call it.
    """
    for name, (library, instead) in HOOKS.items():
        if hasattr(type(learner), name):
            raise ForeignHookError(
                f"{type(learner).__name__} defines {name}, a hook of {library} that is never "
                f"called here: override {instead} instead."
            )
