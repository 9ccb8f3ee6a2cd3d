"""Label Studio as the page of a project, for teams that use it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from alkit.atomic import as_path
from alkit.bridges import label_studio
from alkit.bridges.label_studio import Batch, Pulled, Pushed, Server
from alkit.pool import Query

if TYPE_CHECKING:
    from alkit.project.project import Project


class Teams:
    """Exchange with Label Studio."""

    def push(self, url: str, *, token: str, n: int = 50, show_guesses: bool = False) -> Pushed:
        """Send the next samples to a project of Label Studio, which hands them out in this order.

        The project there has the title of this one, and is created at the first time. Tasks that
        are there already get the scores of today's model.

        Args:
            url: address of the server.
            token: access token of a user.
            n: number of samples; 50 to 200 serve better than the whole pool.
            show_guesses: True to show the model's guesses to people, which biases them.

        Raises:
            BridgeError: the server is away, or refuses.
        """
        project: Project = self  # type: ignore[assignment]
        batch = self._batch(project.query(n))
        return label_studio.push(
            Server(url, token), project.settings.title, batch, show_guesses=show_guesses
        )

    def pull(self, url: str, *, token: str) -> Pulled:
        """Take the annotations of Label Studio that are new, or were changed or deleted there.

        Raises:
            BridgeError: the server is away, or refuses.
        """
        project: Project = self  # type: ignore[assignment]
        server = Server(url, token)
        pulled = label_studio.pull(server, project.settings.title, project.ledger, project.classes)
        project._answers.sync()
        return pulled

    def export_tasks(self, path: str | os.PathLike[str], n: int = 50) -> int:
        """Write the next samples as tasks for the import of Label Studio; return their number."""
        project: Project = self  # type: ignore[assignment]
        query = project.query(n)
        label_studio.export(as_path(path), self._batch(query))
        return len(query)

    def _batch(self, query: Query) -> Batch:
        project: Project = self  # type: ignore[assignment]
        names, classes = list(query.names or ()), project.classes
        guesses = None
        certainty: Any = None
        if project._asking.strategy.trained and len(query):
            numbers, sure = project._asking.guesses(query.indices)
            guesses, certainty = [classes[int(k)] for k in numbers], sure
        family: Any = project.samples.shown(names[0])[1].partition("/")[0] if names else "image"
        return Batch(
            names, classes, project.samples.shown, family, guesses=guesses, certainty=certainty,
            round=query.round,
        )  # fmt: skip
