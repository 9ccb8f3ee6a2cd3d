"""Hooks of other libraries in a subclass: named with what to override here."""

import pytest
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError, ForeignHookError


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("pool_step", r"Ported defines pool_step, a hook of Energizer .* score\(self, prediction"),
        ("train_step", r"Energizer .* training_step\(self, batch, batch_idx\)"),
        ("predict_on_dataset", r"baal .* predictions\(self, pool, indices\)"),
    ],
)
def test_a_hook_that_nothing_would_call_is_an_error(hook, message, pool):
    Ported = type("Ported", (al.Strategy,), {hook: lambda self, *args: None})
    with pytest.raises(ForeignHookError, match=message) as error:
        Ported(nn.Linear(2, 3), pool)
    assert isinstance(error.value, ConfigurationError)
    assert isinstance(error.value, RuntimeError)


def test_methods_of_alkit_and_helpers_are_left_alone(pool):
    class Own(al.Strategy):
        def score(self, prediction):
            return self.helper(prediction)

        def helper(self, prediction):
            return prediction.probabilities[:, 0, 0]

    assert len(Own(nn.Linear(2, 3), pool, seed=0).build().query(3)) == 3
