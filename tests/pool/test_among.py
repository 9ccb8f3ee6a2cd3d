"""Pools of some samples of a dataset: indices stay those of the dataset."""

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit import plots
from alkit.errors import AnnotationError, ConfigurationError, PicksError, SampleIndexError

N = 40
X = torch.randn(N, 2, generator=torch.Generator().manual_seed(0))
DATA = TensorDataset(X, torch.arange(N) % 3)
INSIDE = [31, 4, 8, 15, 16, 23, 39, 2, 7, 11]
OUTSIDE = sorted(set(range(N)) - set(INSIDE))
QUIET = {
    "accelerator": "cpu", "logger": False, "enable_progress_bar": False,
    "enable_checkpointing": False, "enable_model_summary": False,
}  # fmt: skip


@pytest.fixture
def pool():
    return al.ActiveLearningDataset(DATA, among=INSIDE)


def strategy_of(pool, cls=al.Strategy, **options):
    torch.manual_seed(0)
    return cls(al.MultiLayerPerceptron(2, [4], 3), pool, seed=0, **options).build()


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_only_these_samples_are_of_the_pool_under_their_own_indices(kind):
    pool = al.ActiveLearningDataset(DATA, among=kind(INSIDE))
    assert pool.indices.tolist() == pool.unannotated_indices.tolist() == sorted(INSIDE)
    assert len(pool) == len(pool.rounds) == N
    pool.annotate([23, 4])
    assert pool.annotated_indices.tolist() == [4, 23]
    assert torch.equal(pool[23][0], X[23])
    assert pool.rounds[[4, 23]].tolist() == [0, 0]
    assert set(pool.rounds[OUTSIDE]) == {-2}
    assert set(pool.rounds[pool.unannotated_indices]) == {-1}
    assert len(pool.unannotated) == 8
    assert "10 of 40 samples" in repr(pool)
    assert pool.next_round == 1
    pool.undo()
    assert pool.unannotated_indices.tolist() == sorted(INSIDE)


def test_a_sample_outside_is_never_annotated_relabeled_or_in_a_file(pool, tmp_path):
    before = pool.state_dict()
    (tmp_path / "a.csv").write_text("id,label\n4,0\n5,1\n")
    for call in (
        lambda: pool.annotate([4, 5]),
        lambda: pool.annotate([5], [0]),
        lambda: pool.relabel([5], [0]),
        lambda: pool.labels_of([5]),
        lambda: pool.view([5], labels=True),
        lambda: pool.annotate(tmp_path / "a.csv"),
    ):
        with pytest.raises(AnnotationError, match=r"sample 5 is not of this pool.*among="):
            call()
        assert pool.state_dict() == before
    assert torch.equal(pool[5], X[5])  # an input may be read, without its label


def test_a_whole_run_never_leaves_them(pool):
    pool.annotate_random(3, seed=0)
    strategy = strategy_of(pool)
    for _ in al.ActiveLearningLoop(strategy, 4, 5, max_steps=2, trainer=QUIET):
        assert set(pool.annotated_indices) <= set(INSIDE)
    assert pool.annotated_indices.tolist() == sorted(INSIDE)
    assert len(pool.unannotated_indices) == 0


def test_it_queries_as_a_pool_of_a_subset_does(pool):
    ids = np.array(sorted(INSIDE))
    part = al.ActiveLearningDataset(torch.utils.data.Subset(DATA, ids.tolist()))
    pool.annotate(ids[:3])
    part.annotate([0, 1, 2])
    picks = [list(strategy_of(p).query(4)) for p in (pool, part)]
    assert picks[0] == ids[picks[1]].tolist()


def test_a_strategy_that_picks_a_sample_outside_is_stopped(pool):
    class Wrong(al.Strategy):
        def query_strategy(self, pool, n):
            return OUTSIDE[:n]

    pool.annotate_random(3, seed=0)
    with pytest.raises(PicksError, match=r"sample 0, which is not of the pool \(among=\)"):
        strategy_of(pool, Wrong).query(2)


def test_plots_show_the_samples_of_the_pool_alone(pool):
    pool.annotate([4, 23])
    strategy = strategy_of(pool)
    shown = plots.regions(strategy, queried=[39])
    ids = sorted(INSIDE)
    assert torch.equal(torch.from_numpy(shown.points), X[ids])
    assert np.array(ids)[shown.annotated].tolist() == [4, 23]
    assert np.array(ids)[shown.queried].tolist() == [39]
    plots.decision_regions(shown)
    ax = plots.pool_map(strategy, queried=[39])
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["unannotated (7)", "annotated (2)", "newly queried (1)"]


def test_targets_of_a_criterion_are_of_the_pool(pool):
    pool.annotate([4])
    strategy = strategy_of(al.ActiveLearningDataset(DATA))
    drawn = strategy.context.draw(100, "targets", pool)
    assert drawn.ids.tolist() == sorted(INSIDE)


@pytest.mark.parametrize(
    ("among", "error", "says"),
    [
        ([], ConfigurationError, "at least one"),
        ([1, 1], SampleIndexError, "among: sample 1 is given more than once"),
        ([N], SampleIndexError, "among: dataset indices run from 0 to 39, got 40"),
        ([-1], SampleIndexError, "among: .* got -1"),
        (np.ones(N, bool), SampleIndexError, "flatnonzero"),
        (7, SampleIndexError, "among: expected a list"),
        ("train", SampleIndexError, "among: expected a list"),
    ],
)
def test_among_is_a_list_of_distinct_indices(among, error, says):
    with pytest.raises(error, match=says):
        al.ActiveLearningDataset(DATA, among=among)


def test_among_may_be_names():
    names = [f"img_{k}.png" for k in range(N)]
    pool = al.ActiveLearningDataset(DATA, names=names, among=["img_7.png", "img_3.png"])
    assert pool.indices.tolist() == [3, 7]
    with pytest.raises(SampleIndexError, match=r"no sample .* has the name 'img_x"):
        al.ActiveLearningDataset(DATA, names=names, among=["img_x.png"])
