"""Learner: a thread that trains while people label, and has the next samples ready."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from alkit.arguments import check_integer
from alkit.project.asking import Asking
from alkit.project.choice import Choice
from alkit.training import Estimator

GROWTH = 0.05  # growth of the number of labels between two assessments
UNKNOWN = -1  # guess of a sample that was not predicted


@dataclass(frozen=True, eq=False)
class State:
    """Last results of a learner; they never change, so they are read without a lock.

    Attributes:
        ready: the next samples, in the order to ask them.
        labels: number of labels that the model was trained on.
        guesses: ``(N,)`` predicted class numbers; -1 where there is none.
        certainties: ``(N,)`` probabilities of these; 0 where there is none.
        assessment: result of the function ``assess``, or None.
        problem: description of the last failure in words; empty if the last work succeeded.
    """

    ready: tuple[Choice, ...] = ()
    labels: int = 0
    guesses: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    certainties: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    assessment: Any = None
    problem: str = ""


class Learner:
    """A background thread that trains the strategy of an ``Asking`` and prepares its next batch.

        with Learner(asking, refresh=pool.refresh) as learner:
            learner.wait()                               # the first samples are ready
            choices = learner.ask(1)                     # never waits
            learner.answered({choices[0].index: choices[0].why})

    After each ``every`` new answers, it trains on all labels, replaces the samples that are ready,
    predicts the pool, and may assess. There is one thread, so never two trainings at once; answers
    that come meanwhile are in the next one. A failure is kept in ``state.problem``, and the next
    answers start another attempt; if the samples that are ready run out before it succeeds, those
    of the audit follow.

    Args:
        asking: the asking. Only this thread uses it until ``close``; others hold ``asking.lock``.
        ahead: number of samples to have ready; it rises to twice what is asked for at once.
        every: number of new answers that start a training.
        refresh: function that takes new labels into the pool, such as ``pool.refresh``; it is
            called in the thread, before each training.
        assess: function without arguments, whose result is kept as ``state.assessment``; it is
            called in the thread, each time that the labels have grown by 5 %.
        threads: number of threads of BLAS and torch while it works.

    Raises:
        ConfigurationError: a number is below 1.
    """

    def __init__(
        self,
        asking: Asking,
        *,
        ahead: int = 20,
        every: int = 5,
        refresh: Callable[[], object] | None = None,
        assess: Callable[[], object] | None = None,
        threads: int = 1,
    ) -> None:
        self.asking, self.refresh, self.assess = asking, refresh, assess
        self.ahead = check_integer("ahead", ahead)
        self.every = check_integer("every", every)
        self.threads = check_integer("threads", threads)
        self.state = State()
        self._news: deque[Mapping[int, str] | tuple[int, ...]] = deque()
        self._fresh = 0  # answers since the last work began
        self._counting = threading.Lock()
        self._assessed = 0  # number of labels at the last assessment
        self._done: set[int] = set()
        self._out: frozenset[int] = frozenset()
        self._wanted, self._idle = threading.Event(), threading.Event()
        self._closed = False
        self._wanted.set()
        self._thread = threading.Thread(target=self._run, name="alkit learner", daemon=True)
        self._thread.start()

    # --- for the page: none of these waits ----------------------------------------------------

    def ask(self, n: int, leave_out: Collection[int] = ()) -> list[Choice]:
        """Up to ``n`` samples that are ready, in order; [] if none are.

        Args:
            n: number of samples.
            leave_out: dataset indices of samples that somebody is asked about, or that are
                answered.
        """
        out, done = frozenset(leave_out), self._done
        self._out = out
        ready = [c for c in self.state.ready if c.index not in out and c.index not in done]
        self.ahead = max(self.ahead, 2 * n)
        if len(ready) < self.ahead // 2:
            self._start()
        return ready[:n]

    def answered(self, answers: Mapping[int, str]) -> None:
        """Take the reasons of samples that were answered, whatever the answer, by index."""
        self._done.update(answers)
        self._report(dict(answers), len(answers))

    def undone(self, indices: Collection[int]) -> None:
        """Take back answers: these samples may be asked again."""
        self._done.difference_update(indices)
        self._report(tuple(indices), len(indices))

    def likely(self, label: str, n: int, leave_out: Collection[int] = ()) -> list[Choice]:
        """Unanswered samples that the model predicts to be of one class, most certain first."""
        state, classes = self.state, list(self.asking.pool.classes or ())
        if label not in classes:
            return []
        rows = np.flatnonzero(state.guesses == classes.index(label))
        rows = rows[np.argsort(-state.certainties[rows], kind="stable")].tolist()
        out, done = frozenset(leave_out), self._done
        left = (row for row in rows if row not in out and row not in done)
        why = f"likely {label}: the most certain predictions of this class"
        return [
            Choice(row, why, None, label, float(state.certainties[row])) for row in islice(left, n)
        ]

    def _report(self, news: Mapping[int, str] | tuple[int, ...], number: int) -> None:
        self._news.append(news)
        with self._counting:
            self._fresh += number
        if self._fresh >= self.every:
            self._start()

    # --- for its owner ------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is left to do; False if the time (in seconds) is over."""
        return self._idle.wait(timeout)

    def close(self, timeout: float | None = 10.0) -> None:
        """End the thread after its present step; waits for at most ``timeout`` seconds."""
        self._closed = True
        self._wanted.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def __enter__(self) -> Learner:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # --- the thread ---------------------------------------------------------------------------

    def _start(self) -> None:
        self._idle.clear()
        self._wanted.set()

    def _run(self) -> None:
        from threadpoolctl import threadpool_limits

        torch.set_num_threads(self.threads)
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._closed:
                self._idle.set()
                return
            try:
                with threadpool_limits(self.threads):
                    self._work()
            except Exception as error:
                self._publish(problem=f"{type(error).__name__}: {error}")
                self._fall_back()
            if not self._wanted.is_set():
                self._idle.set()
                if self._wanted.is_set():  # set meanwhile
                    self._idle.clear()

    def _work(self) -> None:
        asking = self.asking
        with self._counting:
            new, self._fresh = self._fresh, 0
        with asking.lock:
            if self.refresh is not None:
                self.refresh()
            self._take()
            known = asking.pool.get_num_annotated()
            due = bool(known and (new or not self.state.labels))
            if due:
                asking.fit()
            ready = asking.batch(self.ahead, self._out)
            self._publish(ready=tuple(ready), labels=known, problem="")
        if due and not self._closed:
            self._predict()
        grown = known - self._assessed > known * GROWTH
        if self.assess is not None and grown and not self._closed:
            self._publish(assessment=self.assess())
            self._assessed = known

    def _fall_back(self) -> None:
        """Have samples in uniform order ready if those that are ready run out."""
        left = [c for c in self.state.ready if c.index not in self._done]
        if len(left) < self.ahead // 2:
            drawn = self.asking.uniform(self.ahead, [*self._out, *self._done])
            self._publish(ready=(*left, *(c for c in drawn if c not in left)))

    def _take(self) -> None:
        """Take the answers that have come into the asking, in their order."""
        while self._news:
            news = self._news.popleft()
            if isinstance(news, Mapping):
                self.asking.note(news)
            else:
                self.asking.forget(news)

    def _predict(self) -> None:
        """Predict the unannotated samples: all for an Estimator, else some that are drawn."""
        asking = self.asking
        if not asking.strategy.trained:
            return
        ids: Any = asking.pool.unannotated_indices
        if not isinstance(asking.strategy.module, Estimator):
            ids = asking.drawn(ids)
        guesses = np.full(len(asking.pool), UNKNOWN, dtype=np.int64)
        certainties = np.zeros(len(asking.pool), dtype=np.float32)
        if len(ids):
            guesses[ids], certainties[ids] = asking.guesses(ids)
        self._publish(guesses=guesses, certainties=certainties)

    def _publish(self, **parts: Any) -> None:
        self.state = replace(self.state, **parts)
