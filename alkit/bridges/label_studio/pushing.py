"""Samples and guesses to a Label Studio server, again after each training."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from alkit.bridges.label_studio.interface import Names, interface, names_of
from alkit.bridges.label_studio.replies import part, rows
from alkit.bridges.label_studio.server import Server
from alkit.bridges.label_studio.tasks import ID, Batch
from alkit.bridges.label_studio.uploads import task_data
from alkit.errors import BridgeError, ConfigurationError

SAMPLING = "Uncertainty sampling"
TASKS = 1000  # tasks per request
PREDICTIONS = 5000  # predictions per request, each of which also costs a pass over all tasks
PATIENCE = 1800.0  # seconds for the removal of old predictions, 7 ms each
OURS = re.compile(r"alkit( round \d+)?( \(\d+\))?")

T = TypeVar("T")


@dataclass(frozen=True)
class Pushed:
    """Result of a push.

    Attributes:
        project: id of the project on the server.
        address: address of the project's page.
        new: number of samples that the server did not have.
        version: model version of the predictions.
    """

    project: int
    address: str
    new: int
    version: str


def push(server: Server, project: str | int, batch: Batch, *, show_guesses: bool = False) -> Pushed:
    """Send a batch, so that Label Studio asks its samples first, the most wanted one first.

    Creates the project if no project has this title. Samples that the project already contains (by
    name) are not sent again. The predictions of earlier pushes are replaced: samples that are not
    in this batch are asked in random order after it. A sample that is open in somebody's browser
    stays theirs. Stopped at any point, it can be called again.

    Label Studio keeps to the order while one person labels. Once two people have labeled in a
    project, it gives each a random sample of the last batch: push the next few alone.

    Cost: per sample about 1 ms for a new text, 5 ms for a new image, and 7 ms for the removal of an
    old prediction. Images and sounds are uploaded to the server, which takes 250 MB per request by
    its default settings; give addresses for larger ones.

    Args:
        server: the server.
        project: title of the project, of 3 to 50 characters, or the id of an existing one.
        batch: the samples and guesses.
        show_guesses: whether a project that is created fills in the guess of the model, which
            biases people. An existing project keeps its setting.

    Raises:
        BridgeError: the server cannot be reached or refuses, or the project has other classes or
            another kind of samples.
        ConfigurationError: the title has another length, or a sample cannot be shown.
    """
    facts = find(server, project)
    if facts is None:
        facts = _create(server, str(project), batch, show_guesses)
    names = names_of(facts, batch.classes, batch.kind)
    path = f"api/projects/{facts['id']}"
    before = tasks_of(server, facts["id"])
    new = [name for name in batch.names if name not in before]
    for chunk in _chunks(task_data(server, path, batch, names, new), TASKS):
        server.send("POST", f"{path}/import", [{"data": data} for data in chunk])
    tasks = tasks_of(server, facts["id"]) if new else before
    late = [name for name in batch.names if name not in tasks]
    if late:
        raise BridgeError(
            f"{server.url} has not stored {len(late)} of {len(new)} new samples, such as "
            f"{late[0]!r}: if it imports in the background, call again in a minute."
        )
    version = _rescore(server, path, batch, names, [tasks[name] for name in batch.names])
    address = f"{server.url}/projects/{facts['id']}"
    return Pushed(facts["id"], address, len(new), version)


def find(server: Server, project: str | int) -> dict[str, Any] | None:
    """Facts of a project by its title or id; None if no project has this title.

    Raises:
        BridgeError: no project has this id, or several have this title.
        ConfigurationError: the title cannot be one.
    """
    if isinstance(project, int) and not isinstance(project, bool):
        found = server.get(f"api/projects/{project}/")
        return rows([found])[0]
    if not isinstance(project, str) or not 3 <= len(project.strip()) == len(project) <= 50:
        raise ConfigurationError(
            "project must be the title of a Label Studio project, of 3 to 50 characters without "
            f"spaces around it, or the id of one, got {project!r}."
        )
    there, page = [], 1
    while True:
        found = server.get("api/projects/", title=project, page=page, page_size=100)
        there += [each for each in rows(part(found, "results")) if each["title"] == project]
        if not found.get("next"):
            break
        page += 1
    if len(there) > 1:
        ids = ", ".join(str(each["id"]) for each in there)
        raise BridgeError(
            f"{server.url} has {len(there)} projects titled {project!r}: give the id of one "
            f"instead ({ids})."
        )
    return there[0] if there else None


def tasks_of(server: Server, project: int) -> dict[str, int]:
    """Task of each sample of a project that came from alkit."""
    tasks = server.pages("api/tasks", "tasks", project=project, include="id,data")
    found = ((each["data"].get(ID), each["id"]) for each in tasks)
    return {name: task for name, task in found if isinstance(name, str)}


def _create(server: Server, title: str, batch: Batch, show_guesses: bool) -> dict[str, Any]:
    settings = {
        "title": title,
        "label_config": interface(batch.classes, batch.kind),
        "sampling": SAMPLING,
        "show_collab_predictions": show_guesses,
    }
    return server.send("POST", "api/projects/", settings)


def _rescore(server: Server, path: str, batch: Batch, names: Names, tasks: Sequence[int]) -> str:
    """Replace the predictions; the order changes in one step, when all new ones are there."""
    there = server.get(f"{path}/model-versions/")
    version, count = batch.version, 1
    while version in there:
        count += 1
        version = f"{batch.version} ({count})"
    rows = [
        {"task": task, **prediction}
        for task, prediction in zip(tasks, batch.predictions(names, version), strict=True)
    ]
    for chunk in _chunks(rows, PREDICTIONS):
        created = server.send("POST", f"{path}/import/predictions", chunk).get("created")
        if created != len(chunk):
            raise BridgeError(
                f"{server.url} stored {created} of {len(chunk)} predictions: see its log. The "
                "order of the tasks is the one before."
            )
    server.send("PATCH", f"{path}/", {"model_version": version, "sampling": SAMPLING})
    for old in there:
        if OURS.fullmatch(old):
            body = {"model_version": old}
            server.send("DELETE", f"{path}/model-versions/", body, patience=PATIENCE)
    return version


def _chunks(items: Sequence[T] | Iterator[T], size: int) -> Iterator[list[T]]:
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
