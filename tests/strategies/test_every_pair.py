"""Every training goes with every way of asking."""

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

import alkit as al
from alkit.criteria import HeadScore
from alkit.training import (
    AdversarialClassifier,
    Classifier,
    FixMatchClassifier,
    LossPredictionClassifier,
)


def body():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.ReLU())


def sampled():
    """A head with dropout, of which K = 4 posterior samples are taken while scoring."""
    return al.MCDropout(nn.Sequential(nn.Dropout(0.4), nn.Linear(12, 3)), samples=4)


class Foreign(L.LightningModule):
    """A LightningModule that knows nothing of alkit."""

    def __init__(self):
        super().__init__()
        self.body, self.head = body(), sampled()

    def forward(self, x):
        return self.head(self.body(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        return cross_entropy(self(x), y)

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", cross_entropy(self(x).mean(1), y))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def shifted(x):
    return x + 0.01


TRAININGS = {
    "plain": lambda: Classifier(nn.Sequential(body(), sampled())),
    "adversarial": lambda: AdversarialClassifier(body(), sampled(), nn.Linear(12, 1)),
    "FixMatch": lambda: FixMatchClassifier(
        nn.Sequential(body(), sampled()), weak=shifted, strong=shifted, threshold=0.4
    ),
    "loss prediction": lambda: LossPredictionClassifier(
        nn.Sequential(body(), sampled()), layers=["0.2"]
    ),
    "foreign": Foreign,
}
ASKINGS = {
    "uniform": lambda: al.Acquisition(al.criteria.Constant(), al.Random()),
    "criterion": lambda: al.Acquisition(al.Margin(), al.TopK()),
    "calibrated": lambda: al.Acquisition(al.criteria.Tempered(al.Entropy())),
    "EPIG": lambda: al.Acquisition(al.EPIG(num_targets=10)),
    "features": lambda: al.Acquisition(selector=al.KCenter()),
    "BADGE": lambda: al.Acquisition(selector=al.KMeansPlusPlus(al.GradientEmbedding())),
    "auto": al.querying.Auto,
    "ranks": lambda: al.Acquisition(
        al.Rank(al.EPIG(num_targets=10)) + 0.5 * al.Rank(al.criteria.Tempered(al.Margin())),
        al.Prefilter(5, al.KCenter()),
    ),
}
FEATURES = {"plain": "model.0", "FixMatch": "model.0", "foreign": "body"}  # others declare theirs


@pytest.fixture
def dataset():
    x = torch.randn(60, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, (3 * torch.special.ndtr(2 * x.mean((1, 2, 3)))).long())


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("asking", ASKINGS)
def test_a_training_fits_queries_and_resets_with_a_way_of_asking(training, asking, dataset, quiet):
    copied = TensorDataset(*(part.clone() for part in dataset.tensors))  # refused as one dataset
    pool, held_out = al.ActiveLearningDataset(dataset), al.ActiveLearningDataset(copied)
    pool.annotate_random(20, seed=0)
    held_out.annotate_random(20, seed=1)
    strategy = al.Strategy(
        TRAININGS[training](), pool, acquisition=ASKINGS[asking](), val_pool=held_out,
        features=FEATURES.get(training), batch_size=10, seed=0,
    )  # fmt: skip
    if not strategy.built:
        strategy.build()
    assert isinstance(strategy.module, type(TRAININGS[training]()))
    strategy.fit(max_steps=3, **quiet)
    assert strategy.trained
    query = strategy.query(5)
    assert len(query) + len(query.validation) == 5
    assert set(query) <= set(pool.unannotated_indices.tolist())
    assert list(strategy.query(5)) == list(query)
    strategy.query_and_update(5)
    strategy.reset_model()
    assert not strategy.trained
    assert pool.get_num_annotated() == 20 + len(query)


@pytest.mark.parametrize(
    ("training", "part"), [("adversarial", "discriminator"), ("loss prediction", "loss_head")]
)
def test_the_head_of_a_training_is_a_criterion(training, part, dataset):
    pool = al.ActiveLearningDataset(dataset)
    strategy = al.Strategy(TRAININGS[training](), pool, HeadScore(part), seed=0).build()
    query = strategy.query(60)
    found = strategy.context.predict(np.arange(60), keep={"features"})
    with torch.no_grad():
        expected = strategy.context.part(part)(found.features).flatten()
    by_id = expected[torch.as_tensor(query.indices)]
    torch.testing.assert_close(torch.as_tensor(query.scores), by_id)
