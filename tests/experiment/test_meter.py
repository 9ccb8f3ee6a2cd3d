"""What a row tells beside the metrics, against counts made by hand."""

import lightning as L
import numpy as np
import pytest
import torch
from small import DATA, TEST, X, Y, compare, margin, network, options
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.experiment.meter import Meter, peak_memory_mb, samples_in
from alkit.experiment.trial import Plan, Trial, randomness
from alkit.querying.meaning import Meaning
from alkit.seeds import derive


@pytest.fixture(scope="module")
def result():
    return compare({"margin": margin}, seeds=[3], without="uniform")


def test_the_accuracy_of_each_class_is_that_of_the_model():
    """Of the first round, trained again by hand."""
    trial = Trial("m", 3, margin, DATA, Plan(1, 6, 6, 4))
    (_, state) = trial.run()
    strategy = trial.begin()
    with randomness(derive(3, "training", 0)):
        strategy.fit(max_steps=4, enable_progress_bar=False)
    with torch.no_grad():
        guesses = strategy.eval()(X[40:]).argmax(-1)
    (row,) = state.rows
    for c in range(3):
        right = (guesses == c)[Y[40:] == c].float().mean()
        assert row[f"testMulticlassAccuracy/{c}"] == pytest.approx(float(right))
    assert "testMulticlassAccuracy/3" not in row


def test_the_classes_of_a_query_are_counted(result):
    for row in result.rows[:-1]:
        expected = np.bincount(Y[row["picked"]], minlength=3)
        assert row["queried_classes"] == expected.tolist()
        assert len(row["scores"]) == len(row["guesses"]) == len(row["picked"]) == 6
        assert row["scores"] == sorted(row["scores"], reverse=True)
    last = result.rows[-1]
    assert [last[name] for name in ("queried_classes", "picked", "scores", "guesses")] == [[]] * 4


def test_the_samples_of_the_training_batches_are_counted(result):
    # 4 steps of even batches of at most 8: 6; 6 + 6; 9 + 9 of 18 samples in 3 batches of 6
    assert [row["samples_seen"] for row in result.rows] == [24, 24, 24]
    semi = compare(
        {
            "semi": lambda pool, seed: al.SemiSupervisedStrategy(
                network(), pool, weak=lambda x: x, strong=lambda x: x, unlabeled_batch_size=5,
                **options(seed),
            )
        },
        seeds=[0], rounds=1, without="uniform",
    )  # fmt: skip
    assert semi.rows[0]["samples_seen"] == 4 * (6 + 5)


@pytest.mark.parametrize(
    ("batch", "count"),
    [
        (torch.zeros(5, 2), 5),
        ((torch.zeros(5, 2), torch.zeros(5)), 5),
        ({"image": torch.zeros(4, 2), "label": torch.zeros(4)}, 4),
        ({"annotated": (torch.zeros(3), torch.zeros(3)), "unannotated": torch.zeros(7)}, 10),
        ({"annotated": (torch.zeros(3), torch.zeros(3))}, 3),
        ((["a", "b"], torch.zeros(2)), 2),
        (torch.tensor(1.0), 1),
        (((torch.zeros(17), torch.tensor([0, 5, 9])), torch.zeros(3)), 3),  # words of three texts
        ({"words": torch.zeros(17), "starts": torch.zeros(3), "label": torch.zeros(3)}, 3),
    ],
)
def test_the_samples_of_a_batch(batch, count):
    if isinstance(batch, tuple) and isinstance(batch[0], list):
        batch = torch.zeros(2), batch
    assert samples_in(batch) == count


def test_labels_for_validation_are_counted_in_the_budget():
    def held_out(pool, seed):
        validation = al.ActiveLearningDataset(TEST)
        return al.Strategy(
            network(), pool, al.Margin(), val_pool=validation, val_share=0.5, **options(seed)
        )

    rows = compare({"m": held_out}, seeds=[0]).rows
    for name in ("uniform", "m"):
        mine = [row for row in rows if row["strategy"] == name]
        assert [row["annotated"] for row in mine] == [6, 12, 18]
        assert [row["validation"] for row in mine] == [0, 3, 6]
        assert [len(row["picked"]) for row in mine] == [3, 3, 0]


def test_a_validation_pool_that_trials_share_is_empty_for_each():
    shared = al.ActiveLearningDataset(TEST)

    def held_out(pool, seed):
        return al.Strategy(network(), pool, al.Margin(), val_pool=shared, **options(seed))

    rows = compare({"m": held_out}, rounds=2).rows
    assert {row["validation"] for row in rows if row["round"] == 0} == {0}
    assert shared.get_num_annotated() == 0


def test_a_network_that_trials_share_starts_each_with_its_first_weights():
    shared = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

    def ready_made(pool, seed):
        return al.Strategy(shared, pool, al.Margin(), **options(seed))

    before = [weight.clone() for weight in shared.parameters()]
    rows = compare({"a": ready_made, "b": ready_made}, seeds=[0], without="uniform").rows
    values = [[row["test_loss_epoch"] for row in rows if row["strategy"] == n] for n in "ab"]
    assert values[0] == values[1]
    assert all(map(torch.equal, before, shared.parameters()))


def test_a_regression_and_a_module_of_ones_own_have_no_classes():
    targets = TensorDataset(X[:40], X[:40, :1])

    def regression(pool, seed):
        net = nn.Linear(4, 1)
        test = TensorDataset(X[40:], X[40:, :1])
        return al.UniformStrategy(al.Regressor(net), pool, test=test, seed=seed)

    row = al.compare(
        {"r": regression}, targets, seeds=[0], rounds=2, query_size=3, max_steps=2, progress=False
    ).rows[0]
    assert not [name for name in row if "/" in name]
    assert row["queried_classes"] == []

    class Own(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(4, 3)

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def test_step(self, batch, batch_idx):
            self.log("test_acc", (self.net(batch[0]).argmax(-1) == batch[1]).float().mean())

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    row = compare(
        {"o": lambda pool, seed: al.ActiveLearner(Own(), pool, test=TEST, seed=seed)}
    ).rows
    assert not [name for name in row[0] if "/" in name]
    assert sum(row[0]["queried_classes"]) == 6


def test_a_binary_classifier_is_counted_by_its_two_classes():
    data = TensorDataset(X[:40], (Y[:40] > 0).float()[:, None])
    test = TensorDataset(X[40:], (Y[40:] > 0).float()[:, None])

    def binary(pool, seed):
        net = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
        return al.UniformStrategy(al.BinaryClassifier(net), pool, test=test, seed=seed)

    row = al.compare(
        {"b": binary}, data, seeds=[0], rounds=1, query_size=8, max_steps=9, progress=False
    ).rows[0]
    n = [int((Y[40:] == 0).sum()), int((Y[40:] > 0).sum())]
    whole = sum(n[c] * row[f"testBinaryAccuracy/{c}"] for c in range(2)) / sum(n)
    names = [name for name in row if name.startswith("testBinaryAccuracy") and "/" not in name]
    assert whole == pytest.approx(row[names[0]], abs=1e-6)


def test_the_memory_is_that_of_the_process():
    import psutil

    assert peak_memory_mb() >= 0.95 * psutil.Process().memory_info().rss / 1e6
    assert Meter(Meaning()).kind == "logits"


def test_pixels_are_not_counted_as_samples_of_a_class():
    maps = torch.randn(16, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    data = TensorDataset(maps, (maps[:, 0] > 0).long())

    def segmenter(pool, seed):
        net = nn.Conv2d(2, 2, 3, padding=1)
        return al.Strategy(net, pool, test=data, outputs="segmentation", seed=seed).build()

    budget = {"initial": 4, "rounds": 2, "query_size": 6, "max_steps": 2, "progress": False}
    made = al.compare({"pixels": segmenter}, data, seeds=[0], without="uniform", **budget)
    first = made.rows[0]
    assert len(first["picked"]) == 6
    assert (first["guesses"], first["queried_classes"]) == ([], [])
    assert not [name for name in first if "/" in name]
    assert first["why"] == "TopK() of mean over pixels of Margin()"
