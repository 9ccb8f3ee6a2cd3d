"""Identity of a pool: names or inputs of its dataset, and its samples, as a state holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        classes: names of the classes, or None.
    """

    def __init__(
        self,
        samples: Samples,
        names: Names,
        known: Annotations,
        classes: Sequence[str] | None = None,
    ) -> None:
        self._samples, self._names, self._known = samples, names, known
        self._classes = None if classes is None else list(classes)

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint of names or inputs, computed at the first use."""
        return fingerprint(self._samples.dataset, self._names.texts, self._samples.label_key)

    @cached_property
    def inputs(self) -> str:
        """Fingerprint of inputs also where samples have names, for a pool without names."""
        return fingerprint(self._samples.dataset, None, self._samples.label_key)

    @cached_property
    def among(self) -> str | None:
        """Short hash of the indices of the pool's samples; None if it has all."""
        inside = np.flatnonzero(self._known.rounds != OUTSIDE)
        if len(inside) == len(self._known):
            return None
        return blake2b(inside.astype("<i8").tobytes(), digest_size=8).hexdigest()

    def state_dict(self) -> dict[str, Any]:
        """The fingerprint, the names of the classes and of the annotated samples, if any."""
        state: dict[str, Any] = {"fingerprint": self.fingerprint, "among": self.among}
        if self._classes is not None:
            state["classes"] = list(self._classes)
        if self._names.texts is not None:
            state["inputs"] = self.inputs
            state["names"] = [self._names[index] for index in self._known.annotated.tolist()]
        return state

    def check(self, state: Mapping[str, Any], ids: np.ndarray) -> None:
        """Raise a ConfigurationError if a state is of another pool; old states have no identity.

        Args:
            state: the state.
            ids: its annotated samples.
        """
        self._samples.items.check_length()
        classes = state.get("classes")
        if classes is not None and classes != self._classes:
            raise ConfigurationError(
                f"the state is of a pool with the classes {classes}, and this pool has "
                f"{self._classes}, so its class numbers would change their meaning: pass the same "
                "classes= in the same order."
            )
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
        if state.get("fingerprint") is not None:
            self._compare(str(state["fingerprint"]), str(state.get("inputs", "")))

    def _compare(self, theirs: str, inputs: str) -> None:
        """Compare fingerprints: of names where both have names, else of inputs."""
        kind, ours = _kind(theirs), self.fingerprint
        if {kind, _kind(ours)} == {"names", "inputs"}:
            theirs, ours = (inputs, ours) if kind == "names" else (theirs, self.inputs)
            kind = _kind(theirs)
        if kind == _kind(ours) and theirs != ours:
            what = "names" if kind == "names" else "inputs, sampled from the whole dataset,"
            raise ConfigurationError(
                f"the state is of another dataset of the same length, or of another order of its "
                f"samples: its {what} differ from those of this pool. If the samples are the same "
                "nevertheless, remove 'fingerprint' from the state."
            )


def _kind(fingerprint: str) -> str:
    return fingerprint.partition(":")[0]
