"""Answers of people from a Label Studio server to a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alkit.bridges.label_studio.answers import origin, read, take
from alkit.bridges.label_studio.pushing import find, tasks_of
from alkit.bridges.label_studio.replies import rows
from alkit.bridges.label_studio.server import Server
from alkit.errors import BridgeError
from alkit.pool.ledger import Entry, Ledger
from alkit.pool.ledger.files import Loaded


@dataclass(frozen=True)
class Pulled(Loaded):
    """Result of a pull.

    Attributes:
        undone: the entries that were added to undo the answers of deleted annotations.
    """

    undone: list[Entry] = field(default_factory=list)


def pull(
    server: Server, project: str | int, ledger: Ledger, classes: Sequence[str] | None = None
) -> Pulled:
    """Add the annotations of a project to a ledger; calling it again adds what is new.

    An annotation that was changed counts as last changed; a skipped one becomes the reason
    ``"skipped"``. The answer of an annotation that was deleted or emptied is undone; that of a
    deleted task or project is kept. Annotations that cannot be taken are reported one by one. The
    person is the e-mail address of the account.

    Cost: one export of all annotations, about 1 ms each.

    Args:
        server: the server.
        project: title or id of the project.
        ledger: the ledger of the samples; a label is the name of a class.
        classes: names of the classes; another one is reported. Default: any is taken.

    Raises:
        BridgeError: the server cannot be reached or refuses, or has no such project.
    """
    facts = find(server, project)
    if facts is None:
        raise BridgeError(f"{server.url} has no project titled {project!r}: push to it first.")
    instance = f"{facts['id']}@{facts['created_at']}"  # another server, another time
    people = {each["id"]: each["email"] for each in rows(server.get("api/users/"))}
    tasks = rows(server.get(f"api/projects/{facts['id']}/export", exportType="JSON"))
    answers = read(tasks, classes, people, instance)
    loaded = take(ledger, answers)
    undone = _undone(server, facts["id"], instance, ledger, answers.there)
    return Pulled(loaded.added, loaded.known, loaded.refused, undone)


def _undone(
    server: Server, project: int, instance: str, ledger: Ledger, there: set[str]
) -> list[Entry]:
    """Undo the answers whose annotation is gone, while its task is still there."""
    gone = {}
    for entry in ledger.live():
        source = origin(entry.uid)
        if source and source.project == instance and source.annotation not in there:
            gone[entry.uid] = source.task
    if not gone:
        return []
    tasks = set(tasks_of(server, project).values())
    return ledger.undo(*(uid for uid, task in gone.items() if task in tasks))
