"""The hooks and attributes that a wrapper takes from the module inside."""

from __future__ import annotations

from typing import Any, TypeVar

import lightning as L

from alkit.training.lightning_internals import from_module

Wrapper = TypeVar("Wrapper", bound=type[L.LightningModule])

# steps and hooks of Lightning 2.6
HOOKS = """
    training_step
    validation_step
    test_step
    predict_step
    backward
    configure_optimizers
    configure_gradient_clipping
    lr_scheduler_step
    optimizer_step
    optimizer_zero_grad
    on_fit_end
    on_validation_start
    on_validation_end
    on_test_start
    on_test_end
    on_predict_start
    on_predict_end
    on_train_batch_start
    on_train_batch_end
    on_validation_batch_start
    on_validation_batch_end
    on_test_batch_start
    on_test_batch_end
    on_predict_batch_start
    on_predict_batch_end
    on_validation_model_zero_grad
    on_validation_model_eval
    on_validation_model_train
    on_test_model_eval
    on_test_model_train
    on_predict_model_eval
    on_train_epoch_start
    on_train_epoch_end
    on_validation_epoch_start
    on_validation_epoch_end
    on_test_epoch_start
    on_test_epoch_end
    on_predict_epoch_start
    on_predict_epoch_end
    on_before_zero_grad
    on_before_backward
    on_after_backward
    on_before_optimizer_step
    configure_sharded_model
    configure_model
    prepare_data
    setup
    transfer_batch_to_device
    on_before_batch_transfer
    on_after_batch_transfer
    on_load_checkpoint
    on_save_checkpoint
""".split()


def hooks_of_module(wrapper: Wrapper) -> Wrapper:
    """Class decorator: the hooks of ``HOOKS`` are those of ``self.module``."""
    for name in HOOKS:
        setattr(wrapper, name, from_module(name))
    return wrapper


def attribute_inside(wrapper: object, module: L.LightningModule, name: str) -> Any:
    """Attribute of the module inside, for callbacks and tuners that expect that module."""
    try:
        return getattr(module, name)
    except AttributeError:
        raise AttributeError(
            f"Neither {type(wrapper).__name__} nor its module {type(module).__name__} has an "
            f"attribute {name!r}."
        ) from None
