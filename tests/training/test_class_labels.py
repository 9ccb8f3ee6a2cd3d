"""Labels that the network has no output for: the sample is named before the first step."""

import lightning as L
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import alkit as al
from alkit.errors import LabelError

X = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(40) % 3


class Items(Dataset):
    """Items of any labels, which counts its reads."""

    def __init__(self, labels):
        self.labels, self.reads = labels, 0

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        self.reads += 1
        return X[index], self.labels[index]


def strategy(labels, network=None, **options):
    dataset = TensorDataset(X, labels) if isinstance(labels, torch.Tensor) else Items(labels)
    pool = al.ActiveLearningDataset(dataset)
    pool.annotate(range(30))
    network = nn.Linear(4, 3) if network is None else network
    return al.Strategy(network, pool, batch_size=4, seed=0, **options).build()


def refused(made, message, quiet):
    before = [p.tolist() for p in made.parameters()]
    with pytest.raises(LabelError, match=message):
        made.fit(max_epochs=2, **quiet)
    assert made.trainer.global_step == 0
    assert [p.tolist() for p in made.parameters()] == before


def changed(index, label):
    labels = Y.clone()
    labels[index] = label
    return labels


@pytest.mark.parametrize("loss", [None, nn.NLLLoss()])
@pytest.mark.parametrize("index", [0, 17, 29])  # whatever batch it is in
@pytest.mark.parametrize("label", [3, 100])
def test_a_class_beyond_the_outputs(loss, index, label, quiet):
    message = rf"sample {index} has the class {label}, .* 3 outputs, for the classes 0 to 2"
    refused(strategy(changed(index, label), loss=loss), message, quiet)


def test_a_class_of_an_unannotated_sample_is_not_looked_at(quiet):
    made = strategy(changed(35, 7))
    made.fit(max_steps=2, **quiet)
    made.train_pool.annotate([35])
    with pytest.raises(LabelError, match="sample 35 has the class 7"):
        made.fit(max_steps=2, **quiet)
    made.train_pool.relabel([35], [2])
    made.fit(max_steps=2, **quiet)
    made.train_pool.annotate([36], [9])
    with pytest.raises(LabelError, match="sample 36 has the class 9"):
        made.fit(max_steps=2, **quiet)


def test_labels_of_a_restored_pool_are_looked_at_too(quiet):
    pool = al.ActiveLearningDataset(TensorDataset(X, changed(5, 8)))
    pool.annotate([5, 6])
    restored = al.ActiveLearningDataset(TensorDataset(X, changed(5, 8)))
    restored.load_state_dict(pool.state_dict())
    refused(al.Strategy(nn.Linear(4, 3), restored, seed=0).build(), "sample 5", quiet)


@pytest.mark.parametrize(
    "network",
    [
        lambda: al.MCDropout(nn.Sequential(nn.Dropout(), nn.Linear(4, 2)), 4),
        lambda: al.Ensemble(nn.Linear(4, 2), 2),
    ],
)
def test_posterior_samples_are_no_classes(network, quiet):
    refused(strategy(Y, network()), "sample 2 has the class 2, and the network has 2", quiet)
    strategy(Y % 2, network()).fit(max_steps=2, **quiet)


@pytest.mark.parametrize("kind", ["adversarial", "FixMatch", "loss prediction"])
def test_trainings_with_steps_of_their_own_check_too(kind, quiet):
    pool = al.ActiveLearningDataset(TensorDataset(X, changed(9, 5)))
    pool.annotate(range(20))
    if kind == "adversarial":
        parts = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(8, 1)
        made = al.AdversarialStrategy(*parts, pool, seed=0)
    elif kind == "FixMatch":
        made = al.SemiSupervisedStrategy(
            nn.Linear(4, 3), pool, weak=lambda x: x, strong=lambda x: x, seed=0
        )
    else:
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        made = al.strategies.LearningLossStrategy(net, pool, seed=0)
    refused(made.build(), "sample 9 has the class 5", quiet)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Y.float(), r"label of sample 0 is 0\.0, .*y\.long"),
        (Y[:, None].float(), r"label of sample 0 is \[0\.0\], .*y\.long"),
        (nn.functional.one_hot(Y, 3), r"label of sample 0 is \[1, 0, 0\].*argmax"),
        (["cat", "dog"] * 20, r"label of sample 0 is 'cat'"),
    ],
)
def test_labels_that_are_no_class_numbers(labels, message, quiet):
    refused(strategy(labels), message, quiet)


@pytest.mark.parametrize(
    "labels",
    [
        Y,
        Y[:, None],
        Y.to(torch.uint8),
        Y.bool(),
        nn.functional.one_hot(Y, 3).float(),
        Y.tolist(),
        list(Y.numpy()),
    ],
)
def test_what_torch_can_learn_is_accepted(labels, quiet):
    strategy(labels).fit(max_steps=3, **quiet)


def test_classes_of_positions(quiet):
    dense = torch.randint(0, 3, (40, 5), generator=torch.Generator().manual_seed(0))

    def network():
        return nn.Sequential(nn.Linear(4, 15), nn.Unflatten(1, (3, 5)))

    strategy(dense, network()).fit(max_steps=3, **quiet)
    wrong = dense.clone()
    wrong[0, 2] = 6
    refused(strategy(wrong, network()), "sample 0 has the class 6", quiet)
    later = dense.clone()
    later[20, 2] = 6  # found in its batch
    with pytest.raises(LabelError, match=r"label of sample 20 .* class numbers from 0 to 2"):
        strategy(later, network()).fit(max_epochs=1, **quiet)


def test_a_fit_reads_no_sample_for_it(quiet):
    made = strategy(Y.tolist())
    dataset = made.train_pool._samples.dataset
    dataset.reads = 0
    made.fit(max_epochs=2, **quiet)
    assert dataset.reads == 2 * 30


def test_losses_of_other_kinds_are_left_alone(quiet):
    strategy(Y.float()[:, None], nn.Linear(4, 1), loss=nn.MSELoss()).fit(max_steps=1, **quiet)
    weights = nn.Linear(4, 3)
    strategy(changed(3, 9), weights, loss=lambda y_hat, y: y_hat.sum()).fit(max_steps=1, **quiet)


class Own(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 3)

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (changed(17, 7), "sample 17 has the class 7, and the network has no output"),
        (Y.float(), "loss takes class numbers: convert"),
        ([["cat", "dog"][k % 2] for k in range(40)], r"'cat'.* classes=\["),
    ],
)
def test_a_module_of_the_user_that_cannot_use_a_label_names_the_sample(labels, message, quiet):
    pool = al.ActiveLearningDataset([*zip(X, labels, strict=True)])
    pool.annotate(range(30))
    with pytest.raises(LabelError, match=message):
        al.ActiveLearner(Own(), pool, seed=0).fit(max_epochs=1, **quiet)


def partly(value):
    y = nn.functional.one_hot(Y, 3).float()
    y[17, 1] = value
    return y


@pytest.mark.parametrize(
    ("labels", "loss", "message"),
    [
        (Y.float()[:, None], nn.BCEWithLogitsLoss(), "between 0 and 1"),
        (partly(2), nn.BCEWithLogitsLoss(), "sample 17 .* between 0 and 1"),
        (partly(-1), nn.BCEWithLogitsLoss(), "sample 17 .* between 0 and 1.* loss of your own"),
        (partly(torch.nan), nn.BCEWithLogitsLoss(), "sample 17 .* between 0 and 1"),
        (partly(torch.nan), nn.MSELoss(), "sample 17 .* finite numbers"),
        (partly(-1), None, "sample 17 .* probabilities that sum to one"),
    ],
)
def test_labels_that_a_loss_would_learn_without_a_word_are_refused(labels, loss, message, quiet):
    outputs = labels.shape[-1]
    made = strategy(labels, nn.Linear(4, outputs), loss=loss)
    with pytest.raises(LabelError, match=message):
        made.fit(max_epochs=1, **quiet)


def test_labels_of_a_loss_of_ones_own_are_left_alone(quiet):
    def masked(z, y):
        return nn.functional.binary_cross_entropy_with_logits(z[y >= 0], y[y >= 0])

    strategy(partly(-1), nn.Linear(4, 3), loss=masked).fit(max_epochs=1, **quiet)
