"""Annotations of Label Studio as entries of a ledger."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alkit.atomic import as_path
from alkit.bridges.label_studio.tasks import ID
from alkit.errors import LabelError, LabelFileError
from alkit.pool.ledger import Entry, Ledger
from alkit.pool.ledger.files import Loaded

SKIPPED = "skipped"  # reason of an entry whose sample was skipped
PREFIX = "label-studio"
ROUND = re.compile(r"alkit round (\d+)\b")


@dataclass(frozen=True)
class Origin:
    """Annotation that an entry came from, as it is written in the entry's ``uid``.

    Attributes:
        annotation: unique id of the annotation.
        at: time of its last change.
        project: project it was pulled from; ``"-"`` if it is from a file.
        task: id of its task.
    """

    annotation: str
    at: float
    project: str
    task: int

    @property
    def uid(self) -> str:
        """The ``uid`` of the entry."""
        return f"{PREFIX} {self.annotation} {self.at:.6f} {self.project} {self.task}"


def origin(uid: str) -> Origin | None:
    """The annotation of an entry; None if the entry is not from Label Studio."""
    parts = uid.split(" ")
    if parts[0] != PREFIX or len(parts) != 5:
        return None
    return Origin(parts[1], float(parts[2]), parts[3], int(parts[4]))


@dataclass
class Answers:
    """Annotations of an export, sorted by what becomes of them.

    Attributes:
        entries: entry of each annotation with an answer, with its origin.
        refused: text per annotation or task that cannot be taken.
        there: unique ids of the annotations that are not empty.
    """

    entries: list[tuple[Origin, Entry]]
    refused: list[str]
    there: set[str]


def read(
    tasks: Iterable[Any],
    classes: Sequence[str] | None,
    people: Mapping[int, str] | None = None,
    project: str = "-",
) -> Answers:
    """Read the tasks of an export of the type JSON."""
    answers = Answers([], [], set())
    known = None if classes is None else set(classes)
    for place, task in enumerate(tasks, 1):
        if not isinstance(task, dict) or not isinstance(task.get("annotations"), list):
            answers.refused.append(f"task {place} of the list: it has no list of annotations.")
            continue
        for annotation in task["annotations"]:
            try:
                source = _origin(task, annotation, project, answers.there)
                entry = _entry(task, annotation, source, known, people or {})
            except (LabelError, TypeError, ValueError, AttributeError, LookupError) as error:
                number = annotation.get("id") if isinstance(annotation, dict) else None
                answers.refused.append(
                    f"task {task.get('id', place)}, annotation {number}: {_reason(error)}"
                )
            else:
                answers.entries.append((source, entry))
    answers.entries.sort(key=lambda each: each[0].at)
    return answers


def _origin(
    task: Mapping[str, Any], annotation: Mapping[str, Any], project: str, there: set[str]
) -> Origin:
    unique = annotation.get("unique_id") or f"{task.get('project')}-{annotation['id']}"
    unique = str(unique).replace(" ", "")
    if annotation.get("was_cancelled") or annotation.get("result"):
        there.add(unique)
    at = _time(annotation.get("updated_at") or annotation.get("created_at"))
    return Origin(unique, at, project, int(task.get("id") or 0))


def _entry(
    task: Mapping[str, Any],
    annotation: Mapping[str, Any],
    source: Origin,
    classes: set[str] | None,
    people: Mapping[int, str],
) -> Entry:
    data = task.get("data")
    sample = data.get(ID) if isinstance(data, dict) else None
    if not isinstance(sample, str):
        raise LabelError(f"the task has no data.{ID}, so it is not from alkit.")
    skipped = bool(annotation.get("was_cancelled"))
    guess = annotation.get("prediction") or {}
    rounds = ROUND.match(str(guess.get("model_version")))
    seconds = annotation.get("lead_time")
    return Entry(
        sample,
        label=None if skipped else _label(_choices(annotation.get("result")), classes),
        reason=SKIPPED if skipped else None,
        who=_who(annotation.get("completed_by"), people),
        at=source.at,
        round=int(rounds[1]) if rounds else None,
        guess=next(iter(_choices(guess.get("result"))), None),
        guess_shown=True if annotation.get("parent_prediction") else None,
        seconds=seconds if isinstance(seconds, int | float) and seconds >= 0 else None,
        uid=source.uid,
    )


def _label(chosen: Sequence[Any], classes: set[str] | None) -> str:
    if len(chosen) != 1:
        raise LabelError(f"it has {len(chosen)} classes, and one is expected.")
    (label,) = chosen
    if not isinstance(label, str) or (classes is not None and label not in classes):
        raise LabelError(f"{label!r} is not one of the classes.")
    return label


def _reason(error: Exception) -> str:
    known = isinstance(error, LabelError)
    return str(error) if known else f"it is not as Label Studio writes it ({error!r:.100})."


def _choices(result: Iterable[Mapping[str, Any]] | None) -> list[Any]:
    parts = [part["value"]["choices"] for part in result or [] if part.get("type") == "choices"]
    return [choice for choices in parts for choice in choices]


def _who(completed_by: Any, people: Mapping[int, str]) -> str:
    if isinstance(completed_by, dict):
        return completed_by.get("email") or _who(completed_by.get("id"), people)
    if completed_by is None:
        return "label studio"
    return people.get(completed_by) or f"label studio user {completed_by}"


def _time(text: Any) -> float:
    if not isinstance(text, str):
        raise LabelError("it has no time.")
    when = datetime.fromisoformat(text)
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp(), 6)


def take(ledger: Ledger, answers: Answers) -> Loaded:
    """Add the answers that are newer than those that the ledger has, in one transaction."""
    newest: dict[str, float] = {}
    for entry in ledger.entries():
        known = origin(entry.uid)
        if known is not None:
            newest[known.annotation] = max(known.at, newest.get(known.annotation, known.at))
    new = []
    for source, entry in answers.entries:
        if source.at > newest.get(source.annotation, float("-inf")):
            newest[source.annotation] = source.at
            new.append(entry)
    added = ledger.add(new)
    return Loaded(added, len(answers.entries) - len(added), answers.refused)


def load(
    path: str | os.PathLike[str],
    ledger: Ledger,
    classes: Sequence[str] | None = None,
    *,
    people: Mapping[int, str] | None = None,
) -> Loaded:
    """Add the annotations of a file to a ledger: Label Studio's Export, of the type JSON.

    Loading a file again adds nothing, also after a ``pull`` of the same annotations. An annotation
    that was changed counts as last changed; a skipped one becomes the reason ``"skipped"``. Good
    annotations are taken, and the others are reported one by one. Annotations that were deleted
    are not noticed in a file: use ``pull``.

    Args:
        path: the file.
        ledger: the ledger of the samples; a label is the name of a class.
        classes: names of the classes; another one is reported. Default: any is taken.
        people: name of each person by the id in Label Studio, which the file has instead of names.

    Raises:
        LabelError: the file is not an export of this type.
    """
    return take(ledger, read(_tasks(as_path(path)), classes, people))


def _tasks(path: Path) -> list[Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise LabelFileError(f"there is no file {path}.") from error
    except OSError as error:
        raise LabelError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{path} is not a JSON file: {error}.") from error
    is_export = isinstance(found, list) and all(
        isinstance(task, dict) and "annotations" in task for task in found[:1]
    )
    if not is_export:
        raise LabelError(
            f"{path} is not an export of Label Studio of the type JSON: choose this type (not "
            "JSON-MIN) in its dialog Export."
        )
    return found
