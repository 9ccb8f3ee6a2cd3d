"""TensorBoard events of a loop, read back from the event files."""

import sys

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from sklearn.metrics import precision_score, recall_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util
from torch import nn
from torch.utils.data import TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.errors import ConfigurationError, MissingPackageError
from alkit.loop.tensorboard import Board

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()


def make(data=(X[:40], Y[:40]), test=(X[40:], Y[40:]), outputs=3, **options):
    pool = al.ActiveLearningDataset(TensorDataset(*data))
    pool.annotate_random(6, seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, outputs))
    options = {"test": TensorDataset(*test), "batch_size": 8, "seed": 3, **options}
    return al.UncertaintyStrategy(network, al.Margin(), pool, **options).build()


def run(strategy, logger=None, rounds=3):
    settings = {"query_size": 5, "rounds": rounds, "max_steps": 4, "logger": logger}
    return list(al.ActiveLearningLoop(strategy, **settings))


def accuracy():
    return {"test_metrics": [MulticlassAccuracy(3, average="micro")]}


def events(folder):
    keep = {"scalars": 0, "histograms": 0, "tensors": 0}
    return EventAccumulator(str(folder), size_guidance=keep).Reload()


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    strategy = make(**accuracy())
    records = run(strategy, TensorBoardLogger(folder, name="run", version="a"))
    return strategy, records, events(folder / "run" / "a")


def test_the_loss_of_every_step_of_every_round_is_written(logged):
    strategy, _, board = logged
    written = board.Scalars("train/loss")
    assert [event.step for event in written] == list(range(1, 13))
    kept = strategy.history.step_history["train_loss_step"]["value"]
    assert [event.value for event in written] == pytest.approx(kept)


def test_results_are_plotted_over_the_annotated_samples(logged):
    _, records, board = logged
    written = board.Scalars("test/MulticlassAccuracy")
    assert [event.step for event in written] == [6, 11, 16]
    expected = [record.metrics["testMulticlassAccuracy"] for record in records]
    assert [event.value for event in written] == pytest.approx(expected)
    assert [event.value for event in board.Scalars("annotated")] == [6, 11, 16]
    assert [event.step for event in board.Scalars("annotated")] == [0, 1, 2]
    assert len(board.Scalars("test/loss")) == 3


def test_histograms_count_the_queried_samples(logged):
    _, records, board = logged
    for name, values in (
        ("scores", [record.query.scores for record in records]),
        ("guesses", [record.query.guesses for record in records]),
        ("labels", [Y[record.query.indices] for record in records]),
    ):
        written = board.Histograms(f"query/{name}")
        assert [event.step for event in written] == [6, 11, 16]
        for event, expected in zip(written, values, strict=True):
            histogram = event.histogram_value
            assert (histogram.num, histogram.min, histogram.max) == pytest.approx(
                (5, float(min(expected)), float(max(expected)))
            )
            if name == "labels":
                counts = dict(zip(histogram.bucket_limit, histogram.bucket, strict=True))
                found = [counts.get(c + 0.5, 0) for c in range(int(max(expected)) + 1)]
                assert found == np.bincount(expected).tolist()


def test_precision_and_recall_agree_with_scikit_learn(tmp_path):
    strategy = make(optimizer=al.Adam(lr=0.1))  # certain enough to guess each class
    loop = al.ActiveLearningLoop(
        strategy, 5, 1, max_steps=40, logger=TensorBoardLogger(tmp_path, "r", "a")
    )
    loop.evaluate()
    with torch.no_grad():
        p = strategy.module.eval()(X[40:]).softmax(-1).numpy()
    board = events(tmp_path / "r" / "a")
    tags = {tag for tag in board.Tags()["tensors"] if tag.startswith("precision-recall/")}
    curves = ("all classes", "class 0", "class 1", "class 2")
    assert tags == {f"precision-recall/{name}" for name in curves}
    true = np.eye(3, dtype=int)[Y[40:]]
    for name in curves:
        (event,) = board.Tensors(f"precision-recall/{name}")
        assert event.step == 6
        *_, precision, recall = tensor_util.make_ndarray(event.tensor_proto)
        c = slice(None) if name == "all classes" else int(name[-1])
        at = 63  # of 127 thresholds: the middle one, 0.5
        said = p[:, c].ravel() >= 0.5
        assert precision[at] == pytest.approx(precision_score(true[:, c].ravel(), said))
        assert recall[at] == pytest.approx(recall_score(true[:, c].ravel(), said))


def test_picks_without_an_answer_are_in_no_histogram_of_labels(tmp_path):
    oracle = al.oracles.Abstaining(lambda ids: Y[ids], torch.arange(40) % 2)
    logger = TensorBoardLogger(tmp_path, name="run", version="a")
    settings = {"query_size": 5, "rounds": 2, "max_steps": 4, "logger": logger, "oracle": oracle}
    records = list(al.ActiveLearningLoop(make(), **settings))
    written = events(tmp_path / "run" / "a").Histograms("query/labels")
    answered = [5 - len(record.query.unanswered) for record in records]
    assert [event.histogram_value.num for event in written] == answered
    assert min(answered) > 0
    assert sum(answered) < 10


def told(records):
    return [(r.metrics, r.query.indices.tolist(), r.query.scores.tolist()) for r in records]


def test_labels_of_dict_items_are_read_where_the_pool_has_them(tmp_path):
    rows = [{"a": x, "label": -1, "kind": int(y)} for x, y in zip(X, Y, strict=True)]
    curves = []
    for name in ("pairs", "dicts"):
        strategy = make()
        if name == "dicts":
            pool = al.ActiveLearningDataset(rows[:40], input_key="a", label_key="kind")
            pool.annotate(strategy.train_pool.annotated_indices)
            strategy = al.Strategy(
                strategy.module.model, pool, test=rows[40:], batch_size=8, seed=3
            ).build()
        run(strategy, TensorBoardLogger(tmp_path, name=name, version="a"), rounds=1)
        board = events(tmp_path / name / "a")
        (event,) = board.Tensors("precision-recall/all classes")
        curves.append(tensor_util.make_ndarray(event.tensor_proto))
    np.testing.assert_allclose(*curves)


def test_a_logger_changes_nothing_else(tmp_path):
    plain = run(make(**accuracy()))
    before = torch.random.get_rng_state()
    assert told(run(make(**accuracy()), TensorBoardLogger(tmp_path))) == told(plain)
    assert torch.equal(before, torch.random.get_rng_state())


def test_true_writes_one_version_per_loop_into_lightning_logs(tmp_path):
    for k in range(2):
        run(make(), logger=True, rounds=1)
        assert events(tmp_path / "lightning_logs" / f"version_{k}").Scalars("annotated")


def test_a_resumed_run_continues_its_steps(tmp_path):
    strategy = make()
    board = Board(TensorBoardLogger(tmp_path, "r", "a"), steps=8)
    for _ in range(2):  # one loop per round, as in a comparison that can be interrupted
        run(strategy, board, rounds=1)
    written = events(tmp_path / "r" / "a").Scalars("train/loss")
    assert [event.step for event in written] == list(range(9, 17))


def test_without_a_logger_nothing_is_written(tmp_path):
    run(make(), logger=None, rounds=1)
    run(make(), logger=False, rounds=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("targets", [X.sum(1, keepdim=True), Y])
def test_regression_has_scalars_and_no_curves_even_if_its_targets_are_counts(tmp_path, targets):
    strategy = make((X[:40], targets[:40]), (X[40:], targets[40:]), 1, loss=nn.MSELoss())
    strategy.criterion = al.criteria.Variance()
    strategy.selector = al.Random()
    run(strategy, TensorBoardLogger(tmp_path, "r", "a"))
    tags = events(tmp_path / "r" / "a").Tags()
    assert {"train/loss", "test/loss", "annotated"} <= set(tags["scalars"])
    assert not tags["tensors"]


def test_labels_for_validation_are_counted_and_its_loss_is_written(tmp_path):
    val = al.ActiveLearningDataset(TensorDataset(X[40:50], Y[40:50]))
    val.annotate_random(4, seed=0)
    run(make(val_pool=val), TensorBoardLogger(tmp_path, "r", "a"))
    board = events(tmp_path / "r" / "a")
    assert [event.value for event in board.Scalars("annotated")] == [10, 15, 20]
    assert board.Scalars("val/loss")


def test_many_classes_share_one_curve(tmp_path):
    run(make(outputs=21), TensorBoardLogger(tmp_path, "r", "a"), rounds=1)
    assert events(tmp_path / "r" / "a").Tags()["tensors"] == ["precision-recall/all classes"]


def test_other_loggers_raise_an_error_that_names_them(tmp_path):
    with pytest.raises(ConfigurationError, match="CSVLogger"):
        run(make(), CSVLogger(tmp_path))


def test_a_missing_package_is_a_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'alkit\[tensorboard\]'"):
        run(make(), logger=True)
