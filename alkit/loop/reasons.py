"""Reasons that end a loop, from its stopping criteria."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from alkit.errors import ConfigurationError
from alkit.strategies.learner import ActiveLearner

if TYPE_CHECKING:
    from alkit.loop.loop import RoundRecord

Stop = Callable[[Sequence["RoundRecord"], ActiveLearner], str | None]


def checked_stops(stop: Any) -> list[Stop]:
    """List of the criteria in ``stop``: none, one, or several.

    Raises:
        ConfigurationError: it is anything else.
    """
    stops = [] if stop is None else list(stop) if isinstance(stop, list | tuple) else [stop]
    for each in stops:
        if not callable(each) or isinstance(each, type):
            hint = f" Did you mean {each.__name__}(...)?" if isinstance(each, type) else ""
            raise ConfigurationError(
                "stop must be a criterion such as Budget(500), a function of the records and the "
                f"strategy that returns a reason or None, or a list of these, got {each!r}.{hint}"
            )
    return stops


def reason_to_stop(
    stops: Sequence[Stop], records: Sequence[RoundRecord], strategy: ActiveLearner
) -> str | None:
    """Reason of the first criterion that has one, or None.

    Raises:
        ConfigurationError: a criterion returned anything but a text or None.
    """
    for stop in stops:
        reason = stop(records, strategy)
        if reason is not None and not isinstance(reason, str):
            raise ConfigurationError(
                f"a stopping criterion returns a reason, or None to go on; {stop!r} returned "
                f"{reason!r}."
            )
        if reason:
            return reason
    return None
