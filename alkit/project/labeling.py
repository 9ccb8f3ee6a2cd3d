"""Labeling of a project: by people on the page, or by an oracle in their place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alkit.arguments import check_integer
from alkit.lock import locked
from alkit.oracles.answers import checked_oracle
from alkit.page import Desk, serve, shown
from alkit.page.address import check_host
from alkit.pool.labels import as_list
from alkit.pool.ledger import is_person
from alkit.project.answers import Answers
from alkit.project.asking import Asking
from alkit.project.assessment import Assessment, assess
from alkit.project.learning import Learner
from alkit.project.questions import ProjectQuestions
from alkit.training import Estimator

if TYPE_CHECKING:
    from alkit.project.project import Project

READY = 1.0  # seconds to wait for the first batch, before a page that waits for it is shown


class Labeling:
    """Labeling of a project."""

    folder: Path
    _answers: Answers
    _learner: Learner | None = None  # the one of a widget in a notebook

    def label(
        self,
        n: int | None = None,
        *,
        who: str = "",
        votes: int | None = None,
        oracle: Callable[[Any], Any] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        allow_remote: bool = False,
        open_browser: bool = True,
    ) -> Any:
        """Label samples: on a page in the browser, in a notebook in a widget, or by an oracle.

        The page is served until ``n`` answers are given or Ctrl-C. Meanwhile, the model is trained
        in the background, and chooses the next samples.

        Args:
            n: number of answers. Default: no limit.
            who: name of the person, for pages whose address has no ``?as=NAME``.
            votes: number of people who answer about each sample. Default: that of the settings.
            oracle: function from indices of ``pool`` to labels, which answers in place of people,
                such as one of ``alkit.oracles``. A label of None leaves a sample out as unsure, or
                for the oracle's ``reason``; where that is None, the sample stays for people. A
                machine, such as ``Model``, is not asked about samples of the audit.
            host: interface of this machine, see ``alkit.page.serve``.
            port: the port. Default: that of the last time.
            allow_remote: True for a host that other machines reach.
            open_browser: False to print the address only.

        Returns:
            The number of answers; in a notebook, the widget.

        Raises:
            FolderError: another process serves the page of this project.
            MissingPackageError: the packages of the extra ``label`` are not installed.
        """
        if n is not None:
            check_integer("n", n)
        if oracle is not None:
            return self._simulate(oracle, n, who)
        project: Project = self  # type: ignore[assignment]
        check_host(host, allow_remote)
        asking = project._trained()
        if in_notebook():
            from alkit.page.widget import widget

            self._stop_learner()  # that of an earlier widget
            desk, self._learner = self._desk(asking, votes)
            return widget(desk, project.shown, person=who, until=n, title=project.settings.title)
        with locked(self.folder, "labeling page"):
            desk, learner = self._desk(asking, votes)
            with learner:
                learner.wait(READY)
                try:
                    return serve(
                        desk, project.shown, person=who, until=n, title=project.settings.title,
                        host=host, port=port, allow_remote=allow_remote, open_browser=open_browser,
                    )  # fmt: skip
                finally:
                    self._answers.sync()
                    project._weights.keep(asking.strategy)

    def shown(self, name: str) -> Any:
        """A sample as the page shows it."""
        return shown(tuple(self.samples.shown(name)))  # type: ignore[attr-defined]

    def _stop_learner(self) -> None:
        """End the training in the background that a widget has started."""
        if self._learner is not None:
            self._learner.close()
            self._learner = None

    def _desk(self, asking: Asking, votes: int | None) -> tuple[Desk, Learner]:
        project: Project = self  # type: ignore[assignment]
        batch = project.settings.asking.batch
        cheap = isinstance(asking.strategy.module, Estimator)
        learner = Learner(
            asking,
            ahead=batch,
            every=5 if cheap else batch,
            refresh=self._answers.sync,
            assess=self._assessed,
        )
        questions = ProjectQuestions(project.features.names, learner, self._answers.tally)
        votes = project.settings.asking.votes if votes is None else votes
        return Desk(project.ledger, project.classes, questions, votes=votes), learner

    def _assessed(self) -> Assessment:
        project: Project = self  # type: ignore[assignment]
        return project._record(assess(project._asking))

    def _simulate(self, oracle: Callable[[Any], Any], n: int | None, who: str) -> int:
        project: Project = self  # type: ignore[assignment]
        reason, who = getattr(oracle, "reason", "unsure"), who or getattr(oracle, "who", "")
        oracle = checked_oracle(oracle)
        given, passed, settings = 0, [], project.settings.asking
        while n is None or given < n:
            size = settings.batch if n is None else min(settings.batch, n - given)
            query = project._query(size, passed, audit=is_person(who))
            if not len(query):
                break
            labels = as_list(oracle(query.indices), len(query))
            project._answers.take(query, labels, who, settings.votes, reason)
            if reason is None:
                passed += [i for i, y in zip(query, labels, strict=True) if y is None]
            given += len(query) - (labels.count(None) if reason is None else 0)
        return given


def in_notebook() -> bool:
    """True in a Jupyter kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")
