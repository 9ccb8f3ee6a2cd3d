"""A file of a strategy over other labels, or made with other values, is refused."""

import lightning as L
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError

X = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(30) % 3
QUIET = {"max_steps": 2, "accelerator": "cpu", "enable_progress_bar": False}


class Module(L.LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.layer, self.lr = nn.Linear(4, 3), lr

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, _):
        self.lr = self.lr / 2  # a plain attribute that training changes
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)


def learner(labels=Y, net=None, pool=None, **options):
    data = al.ActiveLearningDataset(TensorDataset(X, labels), **(pool or {}))
    torch.manual_seed(0)
    network = net or nn.Sequential(nn.Linear(4, 3))
    strategy = (al.ActiveLearner if isinstance(network, L.LightningModule) else al.Strategy)(
        network, data, al.Margin(), seed=0, **options
    )
    data.annotate(range(6))
    return strategy if strategy.built else strategy.build()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "round.pt"
    strategy = learner()
    strategy.fit(**QUIET)
    strategy.save(path)
    return path


def test_another_label_of_an_annotated_sample_is_refused_and_changes_nothing(path):
    labels = Y.clone()
    labels[4] = 2
    other = learner(labels)
    before = other.train_pool.state_dict()
    with pytest.raises(ConfigurationError, match="label of sample 4 in the dataset was 1 and is 2"):
        other.load(path)
    assert other.train_pool.state_dict() == before
    assert other.fits == 0
    labels = Y.clone()
    labels[20] = 0  # not bought yet
    learner(labels).load(path)


def test_labels_that_were_given_are_those_of_the_file(tmp_path):
    strategy = learner()
    strategy.train_pool.relabel([4], [0])
    strategy.save(tmp_path / "a.pt")
    labels = Y.clone()
    labels[4] = 2
    assert learner(labels).load(tmp_path / "a.pt").train_pool.labels_of([4]) == [0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loss": nn.CrossEntropyLoss(label_smoothing=0.3)}, "label_smoothing was 0.0 and is 0.3"),
        ({"inputs": lambda batch: batch[0]}, "inputs was None"),
        ({"outputs": lambda returned: returned}, "outputs was 'logits'"),
        ({"features": "0"}, "features was None and is '0'"),
        ({"pool": {"transform": torch.tanh}}, "transform was None and is '.*tanh'"),
        ({"pool": {"classes": ["a", "b", "c"]}}, "classes was None"),
    ],
)
def test_a_strategy_made_with_another_value_is_refused(path, changes, told):
    with pytest.raises(ConfigurationError, match=told):
        learner(**changes).load(path)


@pytest.mark.parametrize("option", [{"loader": {"num_workers": 2}}, {"test_batch_size": 5}])
def test_what_does_not_change_results_may_differ(path, option):
    learner(**option).load(path)


def test_a_saved_strategy_reads_each_label_once_and_keeps_the_random_state(tmp_path):
    reads = []

    class Data(TensorDataset):
        def __getitem__(self, index):
            reads.append(index)
            torch.rand(1)
            return super().__getitem__(index)

    pool = al.ActiveLearningDataset(Data(X, Y))
    strategy = al.Strategy(nn.Sequential(nn.Linear(4, 3)), pool, seed=0).build()
    pool.annotate(range(6))
    strategy.save(tmp_path / "a.pt")
    state = torch.get_rng_state()
    reads.clear()
    strategy.save(tmp_path / "a.pt")
    assert not reads
    assert torch.equal(torch.get_rng_state(), state)


def test_attributes_of_the_module_are_those_before_training(tmp_path):
    strategy = learner(net=Module())
    strategy.fit(**QUIET)
    strategy.save(tmp_path / "a.pt")
    learner(net=Module()).load(tmp_path / "a.pt")
    with pytest.raises(ConfigurationError, match=r"lr was 0\.1 and is 0\.5"):
        learner(net=Module(0.5)).load(tmp_path / "a.pt")


def test_a_function_with_other_code_or_another_value_around_it_is_refused(tmp_path):
    def inputs(scale):
        return lambda batch: batch[0] * scale

    strategy = learner(inputs=inputs(1))
    strategy.save(tmp_path / "a.pt")
    learner(inputs=inputs(1)).load(tmp_path / "a.pt")
    with pytest.raises(ConfigurationError, match="inputs scale was 1 and is 2"):
        learner(inputs=inputs(2)).load(tmp_path / "a.pt")
