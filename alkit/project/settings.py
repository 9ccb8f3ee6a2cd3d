"""Settings of a project: data, classes, features, model and asking, in ``project.toml``."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from alkit.atomic import write_whole
from alkit.errors import ProjectError, likely
from alkit.project.tables import built, wrong
from alkit.project.toml import key_text, line_of, value_text
from alkit.reading import text_of

FILE = "project.toml"
VERSION = 1
KINDS = ("images", "texts", "embeddings", "dataset")


@dataclass(frozen=True)
class Data:
    """Samples of a project.

    Attributes:
        kind: ``"images"``, ``"texts"``, ``"embeddings"`` or ``"dataset"`` (given in Python).
        path: path of the folder or file; relative to the project's folder unless it is absolute.
        names: file with one name per row, for embeddings; column of the names, for texts.
        column: column of the texts.
    """

    kind: str = "images"
    path: str | None = None
    names: str | None = None
    column: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise wrong(f"unknown kind {self.kind!r}{likely(str(self.kind), KINDS)}", "kind")
        if self.kind != "dataset" and not self.path:
            raise wrong(f"{self.kind} need the path of their folder or file.", "path")


@dataclass(frozen=True)
class FeatureSettings:
    """Features of the samples; see ``alkit.project.features``.

    Attributes:
        name: ``"pixels"``, ``"tfidf"``, a network of torchvision, or the path of a saved network or
            of a ``.npy`` file. Default: by the kind of data.
        names: file with one name per row of the ``.npy`` file.
    """

    name: str | None = None
    names: str | None = None


@dataclass(frozen=True)
class ModelSettings:
    """Model that learns the labels, by name, and its options."""

    name: str = "logistic regression"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AskingSettings:
    """Batches to label.

    Attributes:
        batch: number of samples per batch.
        audit: share of each batch that is drawn uniformly, to measure the accuracy; in [0, 1].
        votes: number of people who label each sample.
        seed: seed of all draws.
    """

    batch: int = 20
    audit: float = 0.2
    votes: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("votes", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise wrong(f"{name} must be at least {least}, got {getattr(self, name)}.", name)
        if not 0 <= self.audit <= 1:
            raise wrong(f"audit must be a share from 0 to 1, got {self.audit}.", "audit")


@dataclass(frozen=True)
class Settings:
    """Settings of a project.

    Attributes:
        classes: the classes, in the order of the keys; two or more.
        data: the samples.
        title: title of the page.
        features: features of the samples.
        model: model that learns the labels.
        asking: batches to label.
        created: time at which the project was created.
        version: version of the format of the project's folder.

    Raises:
        ProjectError: a value that cannot be used.
    """

    classes: tuple[str, ...]
    data: Data
    title: str = ""
    features: FeatureSettings = field(default_factory=FeatureSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    asking: AskingSettings = field(default_factory=AskingSettings)
    created: datetime | None = None
    version: int = VERSION

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", _checked(self.classes))

    @staticmethod
    def read(path: Path) -> Settings:
        """Read the settings of a project.

        Args:
            path: path of the file ``project.toml``.

        Raises:
            ProjectError: the file is missing or wrong; the message names the line.
        """
        text = text_of(path, f": {path.parent} is not a project")
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ProjectError(f"{path}, {_syntax(str(error), text)}") from None
        try:
            _check_version(values.get("version"))
            return built(Settings, values)
        except ProjectError as error:
            places = (error.at[:length] for length in range(len(error.at), 0, -1))
            line = next(filter(None, (line_of(text, place) for place in places)), None)
            where = f"{path}, line {line}" if line else f"{path}"
            raise ProjectError(f"{where}: {error}") from None

    def write(self, path: Path) -> None:
        """Write the file ``project.toml`` of a new project, whole or not at all.

        The file is never rewritten after that: changes and comments are those of its readers.

        Raises:
            FolderError: the file cannot be written.
        """
        write_whole(path, self.text())

    def text(self) -> str:
        """The settings as TOML, with comments for people who edit them."""
        values = {key: value for key, value in asdict(self).items() if value not in (None, {})}
        tables = {key: value for key, value in values.items() if isinstance(value, dict)}
        plain = {
            key: values[key] for key in ("version", "title", "created", "classes") if key in values
        }
        lines = [*HEADER, *_lines(plain)]
        for key, table in tables.items():
            entries = _lines({name: part for name, part in table.items() if part not in (None, {})})
            if entries:
                lines += ["", f"[{key}]{COMMENTS.get(key, '')}", *entries]
        return "\n".join(lines) + "\n"


FIRST = ("version", "title", "created", "classes")
HEADER = (
    "# Settings of a project of alkit, read at each opening and never changed by it: edit them.",
)
COMMENTS = {
    "data": "  # paths are relative to this folder",
    "features": '  # "pixels", "tfidf", "resnet18" or others of torchvision, or a .npy file',
    "asking": "  # audit: share of each batch that is drawn at random, to measure the accuracy",
}


def _check_version(version: Any) -> None:
    if isinstance(version, int) and version > VERSION:
        raise wrong(
            f"the project has format {version}, of a newer alkit; this one reads formats up to "
            f"{VERSION}. Update it: pip install -U alkit.",
            "version",
        )


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{key_text(key)} = {value_text(value)}" for key, value in table.items()]


def _checked(classes: Any) -> tuple[str, ...]:
    """The classes, if each is a text of its own."""
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise wrong(f"classes must be a list of texts, got {classes!r}.", "classes")
    classes = tuple(classes)
    first: dict[str, int] = {}
    for place, name in enumerate(classes):
        if not isinstance(name, str):
            raise wrong(f'classes must be texts, got {name!r}: write "{name}".', "classes", place)
        same = unicodedata.normalize("NFC", name)
        if not name.strip():
            raise wrong(f"class {place + 1} of {len(classes)} is empty.", "classes", place)
        if name != name.strip():
            raise wrong(f"the class {name!r} has spaces around it.", "classes", place)
        if same in first:
            raise wrong(
                f"the class {name!r} is there twice, as number {first[same] + 1} and {place + 1}.",
                "classes",
                place,
            )
        first[same] = place
    if len(classes) < 2:
        known = f"only {classes[0]!r}" if classes else "none"
        raise wrong(
            f"a project needs two classes or more, got {known}. To find the samples of one class, "
            'add a class for all others, such as "other".',
            "classes",
        )
    return classes


def _syntax(error: str, text: str) -> str:
    """The message of a parser, with the line first and, about backslashes, a remedy."""
    reason, _, where = error.partition(" (at ")
    line = re.match(r"line (\d+)", where)
    number = line[1] if line else text.rstrip("\n").count("\n") + 1
    escape = "\\" in reason or "hex" in reason
    hint = " In paths, write / instead of \\, or use single quotes." if escape else ""
    return f"line {number}: not valid TOML: {reason[:1].lower()}{reason[1:]}.{hint}"
