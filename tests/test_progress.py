"""Bars with the time left."""

import io
import threading
from contextlib import redirect_stderr

import numpy as np
import pytest
import torch
from torch import nn

import alkit as al
from alkit import progress
from alkit.progress import Bar, report, showing, watching


@pytest.fixture
def at_once(monkeypatch):
    """Bars show from the first step."""
    monkeypatch.setattr(progress, "DELAY", 0.0)


def shown(work) -> str:
    with redirect_stderr(io.StringIO()) as stream:
        work()
    return stream.getvalue()


def steps(number=3):
    with Bar(number, "counting") as bar:
        for _ in range(number):
            bar.update(1)


def learner(**options):
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    pool = al.ActiveLearningDataset(torch.utils.data.TensorDataset(x, torch.arange(40) % 2))
    pool.annotate_random(4, seed=0)
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    return al.Strategy(net, pool, seed=0, **options).build()


def test_what_is_soon_done_shows_nothing():
    assert shown(steps) == ""


def test_a_bar_disappears_when_the_work_is_done(at_once):
    text = shown(steps)
    assert "counting" in text
    assert text.rsplit("\r", 2)[-2].strip() == ""


def test_a_bar_that_shows_late_starts_with_what_is_done(monkeypatch):
    now = iter([0.0, 0.5, 1.0, 9.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(now))

    def work():
        with Bar(4, "counting") as bar:
            for _ in range(3):
                bar.update(1)

    text = shown(work)
    assert "3/4" in text
    assert "00:09<00:03" in text


def test_bars_can_be_switched_off_and_not_on_again_inside(at_once):
    with showing(False), showing(True):
        assert shown(steps) == ""
    assert "counting" in shown(steps)


def test_reports_are_shown_to_those_who_watch(at_once):
    def work():
        with watching("selection"):
            for done in range(5):
                report(done, 5)

    assert "selection" in shown(work)
    assert shown(lambda: report(1, 5)) == ""


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [closed, Broken, lambda: None], ids=["closed", "broken", "none"])
def test_work_goes_on_where_no_bar_can_be_drawn(at_once, stream):
    done, ours = [], stream()

    def work():
        with watching("selection"):
            report(1, 5)
        steps()
        progress.announce("a line")
        done.append(threading.current_thread())

    with redirect_stderr(ours):
        work()
        other = threading.Thread(target=work, daemon=True)  # which needs a lock of tqdm
        other.start()
        other.join(10)
    assert len(done) == 2
    assert "counting" in shown(steps)


def test_another_loop_has_its_own_bar(at_once):
    def work():
        with watching("selection"):
            report(3, 5)
            report(1, 7)

    text = shown(work)
    assert "/5" in text
    assert "/7" in text


def test_a_query_shows_scoring_and_selection_unless_it_is_switched_off(at_once):
    strategy = learner(selector=al.KCenter())
    text = shown(lambda: strategy.query(5))
    assert "scoring" in text
    assert "selection" in text
    assert shown(lambda: strategy.query(5, progress=False)) == ""
    assert shown(lambda: strategy.query_and_update(5, progress=False)) == ""
    assert "scoring" in shown(lambda: strategy.query_and_update(5))


@pytest.mark.parametrize(
    "selector",
    [
        al.KCenter(), al.KMeansPlusPlus(), al.selectors.TypiClust(), al.selectors.MaxHerding(),
        al.selectors.ProbCover(radius=0.5), al.selectors.LCMD(), al.selectors.KMeans(),
        al.selectors.ActiveFT(steps=3), al.selectors.DropQuery(), al.selectors.ALFAMix(),
        al.selectors.ExpectedErrorReduction(),
    ],
    ids=repr,
)  # fmt: skip
def test_selections_from_arrays_show_their_progress_and_pick_the_same(selector, at_once):
    rows = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    head, picked = torch.nn.Linear(4, 2), []

    def select(**options):
        known = {"annotated": range(5), "labels": [0, 1, 0, 1, 1], "head": head}
        if "head" not in selector.needs:
            known = {}
        query = al.select(6, embeddings=rows, selector=selector, seed=0, **known, **options)
        picked.append(query.indices)

    assert "selection" in shown(select)
    assert shown(lambda: select(progress=False)) == ""
    np.testing.assert_array_equal(*picked)


def test_a_comparison_shows_its_own_bar_alone(at_once):
    text = shown(
        lambda: al.compare(
            {"margin": lambda pool, seed: learner_of(pool, seed)},
            torch.utils.data.TensorDataset(torch.randn(30, 2), torch.arange(30) % 2),
            seeds=range(1), rounds=2, initial=4, query_size=2, max_steps=1,
        )
    )  # fmt: skip
    assert "scoring" not in text
    assert "selection" not in text


def learner_of(pool, seed):
    net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    return al.Strategy(net, pool, test=pool._samples.dataset, seed=seed)
