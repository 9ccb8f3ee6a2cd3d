"""Identity of a pool: names or inputs of its dataset, and its samples, as a state holds them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from alkit.errors import ConfigurationError
from alkit.pool.annotations import OUTSIDE, Annotations
from alkit.pool.fingerprint import fingerprint
from alkit.pool.names import Names
from alkit.pool.samples import Samples


class Identity:
    """The part of a pool's state by which the state of another dataset is noticed.

    Args:
        samples: items of the dataset.
        names: names of the samples.
        known: state of the pool.
    """

    def __init__(self, samples: Samples, names: Names, known: Annotations) -> None:
        self._samples, self._names, self._known = samples, names, known

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint of names or inputs, computed at the first use."""
        return fingerprint(self._samples.dataset, self._names.texts, self._samples.label_key)

    @cached_property
    def among(self) -> str | None:
        """Short hash of the indices of the pool's samples; None if it has all."""
        inside = np.flatnonzero(self._known.rounds != OUTSIDE)
        if len(inside) == len(self._known):
            return None
        return blake2b(inside.astype("<i8").tobytes(), digest_size=8).hexdigest()

    def state_dict(self) -> dict[str, Any]:
        """The fingerprint, and the names of the annotated samples if they have names."""
        state: dict[str, Any] = {"fingerprint": self.fingerprint, "among": self.among}
        if self._names.texts is not None:
            state["names"] = [self._names[index] for index in self._known.annotated.tolist()]
        return state

    def check(self, state: Mapping[str, Any], ids: np.ndarray) -> None:
        """Raise a ConfigurationError if a state is of another pool; old states have no identity.

        Args:
            state: the state.
            ids: its annotated samples.
        """
        names = state.get("names")
        if names is not None and self._names.texts is not None:
            if not isinstance(names, list | tuple) or len(names) != len(ids):
                raise ConfigurationError(
                    "the state of the pool is damaged: it needs one name per annotated sample."
                )
            for index, name in zip(ids.tolist(), names, strict=True):
                if name != self._names[index]:
                    raise ConfigurationError(
                        f"the state is of another dataset or order of its samples: sample {index} "
                        f"is named {name!r} in the state and {self._names[index]!r} in this pool."
                    )
        if state.get("among", self.among) != self.among:
            raise ConfigurationError(
                "the state is of a pool with other samples of the dataset: pass the same among=."
            )
        theirs = state.get("fingerprint")
        if theirs is None:
            return
        kind = str(theirs).partition(":")[0]
        if kind == self.fingerprint.partition(":")[0] and theirs != self.fingerprint:
            what = "names" if kind == "names" else "inputs, sampled from the whole dataset,"
            raise ConfigurationError(
                f"the state is of another dataset of the same length, or of another order of its "
                f"samples: its {what} differ from those of this pool. If the samples are the same "
                "nevertheless, remove 'fingerprint' from the state."
            )
