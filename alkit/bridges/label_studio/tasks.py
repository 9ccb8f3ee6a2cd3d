"""Samples and guesses as tasks and predictions of Label Studio."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alkit.atomic import as_path, write_whole
from alkit.bridges.label_studio.interface import Kind, Names, interface
from alkit.errors import ConfigurationError

Show = Callable[[str], str | tuple[bytes, str]]
ID = "alkit_id"  # key of the sample's name in a task's data


@dataclass(frozen=True)
class Batch:
    """Samples to be labeled by people, and the guesses of the model.

        batch = Batch(
            names=["a.jpg", "b.jpg"],
            classes=["glass", "paper"],
            show=lambda name: (Path("photos", name).read_bytes(), "image/jpeg"),
            guesses=["paper", "glass"], certainty=[0.8, 0.6], scores=[0.2, 0.4], round=3,
        )

    Attributes:
        names: keys of the samples, such as their relative paths. Without scores, the first one is
            wanted most.
        classes: names of all classes.
        show: function from a name to the sample as people see it: a text, an address, or
            (content, media type), which is called once per sample that the server lacks.
        kind: ``"image"``, ``"text"`` or ``"audio"``.
        guesses: class that the model predicts per sample; None without a guess. Default: no
            guesses.
        certainty: probability of each guess, in 0..1.
        scores: informativeness of each sample; the highest is asked first.
        round: number of the round, part of the model version ``"alkit round 3"``.

    Raises:
        ConfigurationError: the values do not fit together.
    """

    names: Sequence[str]
    classes: Sequence[str]
    show: Show
    kind: Kind = "image"
    guesses: Sequence[str | None] | None = None
    certainty: Sequence[float | None] | None = None
    scores: Sequence[float] | np.ndarray | None = None
    round: int | None = None

    def __post_init__(self) -> None:
        interface(self.classes, self.kind)  # checks both
        self._check_names()
        size = len(self.names)
        for what in ("guesses", "certainty", "scores"):
            values = getattr(self, what)
            if values is not None and len(values) != size:
                raise ConfigurationError(f"{what} must have one value per name, {size} in all.")
        known = {None, *self.classes}
        unknown = [guess for guess in self._of("guesses") if guess not in known]
        if unknown:
            raise ConfigurationError(f"the guess {unknown[0]!r} is not one of the classes.")
        wrong = [p for p in self._of("certainty") if p is not None and not 0 <= p <= 1 + 1e-6]
        if wrong:
            raise ConfigurationError(f"certainty must be a probability, in 0..1, got {wrong[0]}.")
        if self.scores is not None and not np.isfinite(np.asarray(self.scores, float)).all():
            raise ConfigurationError("scores must be finite numbers.")
        round = self.round
        if round is not None and (
            isinstance(round, bool) or not isinstance(round, int) or round < 0
        ):
            raise ConfigurationError(f"round must be an integer of at least 0, got {round!r}.")

    def _check_names(self) -> None:
        if isinstance(self.names, str) or len(self.names) == 0:
            raise ConfigurationError("names must be the names of at least one sample.")
        wrong = [name for name in self.names if not isinstance(name, str) or not name.strip()]
        if wrong:
            raise ConfigurationError(f"a name must be a text, got {wrong[0]!r}.")
        odd = [name for name in self.names if any("\ud800" <= sign <= "\udfff" for sign in name)]
        if odd:
            raise ConfigurationError(f"the name {odd[0]!r} is not Unicode: rename the file.")
        if len(set(self.names)) < len(self.names):
            raise ConfigurationError("names must be distinct: a name is there more than once.")

    def _of(self, what: str) -> Sequence[Any]:
        """Values of the samples, None each if there are none."""
        values = getattr(self, what)
        return [None] * len(self.names) if values is None else values

    @property
    def version(self) -> str:
        """Model version of the predictions."""
        return "alkit" if self.round is None else f"alkit round {self.round}"

    def predictions(self, names: Names, version: str) -> list[dict[str, Any]]:
        """Prediction of each sample as Label Studio stores it.

        Label Studio asks the lowest score first, and drops scores outside 0..1 without an error:
        the score is the place in the order, from 0 for the sample that is wanted most to 1.
        """
        wanted = np.arange(len(self.names), 0, -1) if self.scores is None else self.scores
        _, places = np.unique(-np.asarray(wanted, float), return_inverse=True)
        scores = places / max(1, places.max())
        return [
            {
                "model_version": version,
                "score": float(score),
                "result": [] if guess is None else [_choice(names, guess, p)],
            }
            for score, guess, p in zip(scores, self._of("guesses"), self._of("certainty"))
        ]


def _choice(names: Names, guess: str, certainty: float | None) -> dict[str, Any]:
    sure = {} if certainty is None else {"score": min(float(certainty), 1.0)}
    return {
        "from_name": names.control,
        "to_name": names.sample,
        "type": "choices",
        "value": {"choices": [guess]},
        **sure,
    }


def export(path: str | os.PathLike[str], batch: Batch) -> None:
    """Write a batch as a JSON file of tasks with predictions, for Label Studio's Import.

    The project there needs the labeling interface of ``interface(classes, kind)``, and the setting
    "Uncertainty sampling". Images and sounds that ``show`` gives as contents become a part of the
    file, as data URLs: for large ones, give addresses.

    Raises:
        FolderError: the file cannot be written.
    """
    names = Names(key=batch.kind)
    predictions = batch.predictions(names, batch.version)
    tasks = [
        {"data": {names.key: _inline(batch.show(name), batch.kind), ID: name},
         "predictions": [prediction]}
        for name, prediction in zip(batch.names, predictions, strict=True)
    ]  # fmt: skip
    write_whole(as_path(path), json.dumps(tasks, ensure_ascii=False, indent=1))


def _inline(shown: str | tuple[bytes, str], kind: Kind) -> str:
    if isinstance(shown, str):
        return shown
    content, media_type = shown
    if kind == "text":
        return as_text(content)
    return f"data:{media_type};base64,{b64encode(content).decode()}"


def as_text(content: bytes) -> str:
    """A text sample that came as bytes."""
    return content.decode("utf-8-sig", "replace")
