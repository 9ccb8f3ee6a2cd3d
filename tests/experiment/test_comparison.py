import importlib.metadata
import sys

import lightning as L
import numpy as np
import pytest
import torch
from sklearn.metrics import auc
from small import DATA, TEST, X, compare, lasting, margin, uniform
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn import MSELoss
from torch.utils.data import TensorDataset
from torchmetrics import MeanSquaredError, R2Score

import alkit as al
from alkit.errors import ConfigurationError, MissingPackageError
from alkit.evidence.statistics import areas
from alkit.reporting.result import Result
from alkit.seeds import derive


@pytest.fixture(scope="module")
def result():
    return compare()


def test_there_is_a_row_for_every_strategy_seed_and_round(result):
    keys = [(row["seed"], row["strategy"], row["round"]) for row in result.rows]
    expected = [(s, n, r) for s in (3, 4) for n in ("uniform", "margin") for r in range(3)]
    assert keys == expected
    assert [row["annotated"] for row in result.rows[:3]] == [6, 12, 18]
    assert {row["steps"] for row in result.rows} == {4}


def test_the_strategies_of_a_trial_share_their_start(result):
    by_key = {(r["strategy"], r["seed"], r["round"]): r for r in result.rows}
    for seed in (3, 4):
        starts = [by_key[name, seed, 0][result.metric] for name in ("uniform", "margin")]
        assert starts[0] == starts[1]


def test_the_initial_sets_weights_and_order_are_the_same_in_each_strategy_of_a_trial():
    seen = {}

    def spy(name, factory):
        def make(pool, seed):
            strategy = factory(pool, seed)
            strategy = strategy if strategy.built else strategy.build()
            weights = torch.cat([p.flatten() for p in strategy.module.parameters()]).clone()
            order = torch.cat([batch[0] for batch in strategy.train_dataloader()])
            seen.setdefault(name, []).append((pool.annotated_indices, weights, order))
            return strategy

        return make

    compare({"uniform": spy("uniform", uniform), "margin": spy("margin", margin)}, rounds=1)
    for ours, theirs in zip(seen["uniform"], seen["margin"], strict=True):
        assert np.array_equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])
        assert torch.equal(ours[2], theirs[2])
    assert not np.array_equal(seen["uniform"][-2][0], seen["uniform"][-1][0])
    assert not torch.equal(seen["uniform"][-2][1], seen["uniform"][-1][1])


def test_the_same_seeds_give_the_same_records(result):
    assert lasting(compare().rows) == lasting(result.rows)


def test_a_strategy_gives_the_same_records_whatever_stands_beside_it(result):
    alone = compare({"margin": margin}, without="uniform")
    beside = [row for row in result.rows if row["strategy"] == "margin"]
    assert lasting(alone.rows) == lasting(beside)


def test_the_global_random_state_is_left_as_it_was():
    def states():
        return torch.random.get_rng_state().tolist(), repr(np.random.get_state())  # noqa: NPY002

    before = states()
    compare(seeds=[0], rounds=2)
    assert states() == before


def test_the_last_round_is_not_followed_by_a_query(result):
    picked = {row["round"]: len(row["picked"]) for row in result.rows}
    assert picked == {0: 6, 1: 6, 2: 0}


def test_no_strategy_and_no_seed_are_errors():
    with pytest.raises(al.errors.ConfigurationError, match="at least one"):
        compare({"uniform": uniform}, seeds=[])
    with pytest.raises(al.errors.ConfigurationError, match="at least one"):
        al.compare({}, DATA, rounds=1, query_size=1, max_steps=1)


def test_the_area_is_the_mean_over_the_labels_spent():
    annotated = np.array([10, 20, 60])
    values = np.array([[0.2, 0.4, 0.9], [0.1, 0.5, 0.5]])
    expected = [auc(annotated, row) / 50 for row in values]
    assert areas(annotated, values) == pytest.approx(expected)
    assert areas(np.array([10]), values[:, :1]) == pytest.approx([0.2, 0.1])


def by_hand():
    rows = []
    for name, finals in {"uniform": (0.5, 0.7), "margin": (0.6, 0.6)}.items():
        for seed, final in enumerate(finals):
            for round, value in enumerate((0.3, final)):
                rows.append(
                    {
                        "strategy": name,
                        "seed": seed,
                        "round": round,
                        "annotated": 10 + 10 * round,
                        "steps": 7,
                        "test_loss_epoch": 1.0,
                        "testMulticlassAccuracy_epoch": value,
                        "testMulticlassAccuracy": value,
                        "seconds_train": 1.0,
                        "seconds_score": 0.5,
                        "picked": [1, 2],
                    }
                )
    return Result(rows, {"seeds": [0, 1], "dataset": "made <by> hand"})


def test_the_summary_is_what_a_hand_computes():
    uniform_row, margin_row = by_hand().summary()
    assert uniform_row["final"] == pytest.approx(0.6)
    assert (uniform_row["final_low"], uniform_row["final_high"]) == (0.5, 0.7)
    assert margin_row["area"] == pytest.approx(0.45)
    assert margin_row["gain"] == pytest.approx(0.0)
    assert (margin_row["trials_ahead"], margin_row["trials"]) == (1, 2)
    assert margin_row["seconds_a_round"] == pytest.approx(1.5)
    assert by_hand().metric == "testMulticlassAccuracy"


def test_the_protocol_says_how_it_was_made(result):
    assert result.protocol["seeds"] == [3, 4]
    assert result.protocol["max_steps"] == 4
    assert result.protocol["torch"] == importlib.metadata.version("torch")
    assert derive(3, "initial") != derive(4, "initial")


def test_each_trial_is_a_run_in_tensorboard_and_the_records_are_the_same(result, tmp_path):
    folder = tmp_path / "run"
    again = compare(folder=folder, logger=True)
    assert lasting(again.rows) == lasting(result.rows)
    for name in again.strategies:
        for seed in again.protocol["seeds"]:
            board = EventAccumulator(str(folder / "tensorboard" / name / f"seed_{seed}")).Reload()
            rows = [r for r in again.rows if (r["strategy"], r["seed"]) == (name, seed)]
            told = [event.value for event in board.Scalars("annotated")]
            assert told == [row["annotated"] for row in rows]
            assert len(board.Scalars("train/loss")) == sum(row["steps"] for row in rows)
    assert lasting(al.load(folder).rows) == lasting(result.rows)


@pytest.mark.parametrize("name", ["../../out", "..", "/abs/olute", "a/b", "a\\b"])
def test_no_name_leads_out_of_the_folder_of_tensorboard(tmp_path, name):
    folder = tmp_path / "deep" / "er" / "run"
    arms = {name: margin}
    compare(arms, folder=folder, logger=True, seeds=[3], rounds=1, without="uniform")
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}
    assert {path.name for path in (tmp_path / "deep" / "er").iterdir()} == {"run"}
    (run,) = (folder / "tensorboard").iterdir()
    assert list(run.glob("seed_3/events*"))


def test_without_tensorboard_a_logger_is_an_error_before_any_training(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingPackageError, match="pip install"):
        compare(logger=True)


class Named(L.LightningModule):
    """Logs its results under names of its own."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def test_step(self, batch, batch_idx):
        x, y = batch
        self.log("my_loss", torch.nn.functional.cross_entropy(self(x), y))
        self.log("accuracy", (self(x).argmax(-1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())


def test_results_that_a_module_names_as_it_likes_are_shown_and_losses_last():
    def own(pool, seed):
        return al.ActiveLearner(Named(), pool, test=TEST, seed=seed)

    result = compare({"own": own})
    assert result.metric == "accuracy"
    assert {row["strategy"] for row in result.summary()} == {"uniform", "own"}


VALUES = TensorDataset(X, X.sum(1))


def regression(rate, metrics, seed, pool):
    net = al.Regressor(
        al.MultiLayerPerceptron(4, [8], 1), MSELoss(), al.Adam(rate), test_metrics=metrics
    )
    return al.UniformStrategy(net, pool, test=VALUES, seed=seed).build()


def test_an_error_is_better_where_it_is_lower_whatever_its_name():
    strategies = {
        name: lambda pool, seed, rate=rate: regression(
            rate, {"fit": MeanSquaredError(squared=False)}, seed, pool
        )
        for name, rate in {"idle": 1e-6, "trained": 0.05}.items()
    }
    result = al.compare(
        strategies, VALUES, seeds=[1, 2, 3], rounds=2, query_size=8, max_steps=40, progress=False
    )
    assert result.metric == "testfit"
    assert result.protocol["rising"] == {"testfit": False, "testfit_epoch": False}
    [trained] = [row for row in result.summary() if row["strategy"] == "trained"]
    assert trained["gain"] > 0.3  # less error than that of weights that do not move
    assert "trained beat idle" in result.verdict()


def test_metrics_of_one_name_that_improve_in_opposite_directions_are_an_error():
    strategies = {
        name: lambda pool, seed, metric=metric: regression(0.01, {"fit": metric}, seed, pool)
        for name, metric in {"error": MeanSquaredError(), "share": R2Score()}.items()
    }
    with pytest.raises(ConfigurationError, match="testfit of share is better if higher"):
        al.compare(strategies, VALUES, seeds=[1], rounds=1, query_size=8, max_steps=1)


def test_tags_of_texts_of_any_length_are_compared():
    rows = []
    for k in range(30):
        words = torch.randint(1, 9, (1 + k % 4,), generator=torch.Generator().manual_seed(k))
        rows.append({"input_ids": words, "label": (words > 4).long()})

    def collate(items):
        pad = torch.nn.utils.rnn.pad_sequence
        ids = pad([item["input_ids"] for item in items], batch_first=True)
        batch = {"input_ids": ids, "attention_mask": ids > 0}
        if "label" in items[0]:
            tags = [torch.as_tensor(item["label"]) for item in items]
            batch["label"] = pad(tags, batch_first=True, padding_value=-100)
        return batch

    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words = torch.nn.Embedding(9, 2)

        def forward(self, input_ids):
            return self.words(input_ids)

    def arm(selector):
        options = {"outputs": "tokens", "test": rows, "loader": {"collate_fn": collate}}
        return lambda pool, seed: al.Strategy(
            Tagger(), pool, al.Entropy(), selector, seed=seed, batch_size=6, **options
        )

    result = al.compare(
        {"entropy": arm(al.TopK()), "uniform": arm(al.Random())},
        rows, seeds=[0], rounds=2, query_size=4, initial=6, max_steps=2,
    )  # fmt: skip
    assert [row["annotated"] for row in result.rows] == [6, 10] * 2
    assert result.rows[0]["samples_seen"] == 12
    assert all(row["queried_classes"] == [] for row in result.rows)
