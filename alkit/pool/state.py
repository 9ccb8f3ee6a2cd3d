"""State of a pool as it is read: checked before it is used, since it may come from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alkit.errors import ConfigurationError
from alkit.pool.annotations import OUTSIDE, Annotations
from alkit.pool.checks import check_round, is_whole
from alkit.pool.labels import plain


def parsed(
    state: Mapping[str, Any], known: Annotations
) -> tuple[np.ndarray, list[int], dict[int, Any], dict[int, str]]:
    """The annotated samples of a state, their rounds, labels from outside, and excluded; checked.

    Raises:
        ConfigurationError: it is not the state of a pool of this length, or damaged.
        SampleIndexError, AnnotationError: an annotated sample is out of range or given twice.
    """
    if not isinstance(state, Mapping):
        raise ConfigurationError(
            f"expected the result of state_dict of a pool, a dict, got {type(state).__name__}."
        )
    missing = {"length", "annotated", "rounds", "labels"} - state.keys()
    if missing:
        raise ConfigurationError(f"the state of the pool lacks {', '.join(sorted(missing))}.")
    for name in ("annotated", "rounds", "labels"):
        if not isinstance(state[name], list | tuple):
            raise _damaged(f"its {name} must be a list, got {state[name]!r}")
    if state["length"] != len(known):
        raise ConfigurationError(
            f"the state is for a pool of {state['length']} samples, this one has {len(known)}."
        )
    ids = known.check(state["annotated"])
    excluded = _excluded(state.get("excluded", []), known, ids)
    outside = ids[known.rounds[ids] == OUTSIDE]
    if outside.size:
        raise known.wrong_side(outside.item(0), known.describe)
    rounds = [check_round(round) for round in state["rounds"]]
    if len(rounds) != len(ids):
        raise ConfigurationError(
            f"the state needs one round per annotated sample, {len(ids)}; it has {len(rounds)}."
        )
    return ids, rounds, _outside_labels(state["labels"], ids), excluded


def _excluded(pairs: Any, known: Annotations, annotated: np.ndarray) -> dict[int, str]:
    """Reasons of the excluded samples of a state; states of older versions have none."""
    right = isinstance(pairs, list | tuple) and all(
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and is_whole(pair[0])
        and isinstance(pair[1], str)
        and pair[1].strip()
        for pair in pairs
    )
    if not right:
        raise _damaged(f"its excluded must be pairs of a dataset index and a reason, got {pairs!r}")
    ids = known.check([index for index, _ in pairs])
    if np.isin(ids, annotated).any() or (known.rounds[ids] == OUTSIDE).any():
        raise _damaged("an excluded sample is annotated, or not of the pool")
    return {int(index): reason for index, reason in pairs}


def _outside_labels(pairs: Any, ids: np.ndarray) -> dict[int, Any]:
    labels: dict[int, Any] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not is_whole(pair[0]):
            raise _damaged(
                f"its labels must be pairs of a dataset index and a label, got {pair!r:.200}"
            )
        labels[int(pair[0])] = plain(pair[1])
    stray = labels.keys() - set(ids.tolist())
    if stray:
        raise ConfigurationError(f"the state has a label for unannotated sample {min(stray)}.")
    if len(labels) < len(pairs):
        raise _damaged("it has two labels for one sample")
    return labels


def _damaged(what: str) -> ConfigurationError:
    return ConfigurationError(f"the state of the pool is damaged: {what}.")
