"""Two strategies over one network: neither learns from the labels of the other in silence."""

import copy
import pickle
import warnings

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError


class Net(L.LightningModule):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        return F.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)


MAKES = {
    "ActiveLearner": lambda net, pool: al.ActiveLearner(net, pool, seed=0),
    "Strategy": lambda net, pool: al.Strategy(net.net, pool, seed=0).build(),
    "a part": lambda net, pool: al.Strategy(
        nn.Sequential(net.net[:3], nn.Linear(8, 3)), pool, seed=0
    ).build(),
    "papers": lambda net, pool: al.badge(net.net, pool, seed=0).build(),
}


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("second", MAKES)
@pytest.mark.parametrize("first", ["ActiveLearner", "Strategy"])
def test_a_second_strategy_starts_from_the_first_weights_and_says_so(
    first, second, pool, net, quiet
):
    network = Net(net())
    fresh = state(network.net[:3])
    a = MAKES[first](network, pool)
    a.fit(max_steps=3, **quiet)
    assert not same(state(network.net[:3]), fresh)
    with pytest.warns(UserWarning, match=r"Another strategy has trained .*deepcopy"):
        b = MAKES[second](network, pool)
    assert same(state(network.net[:3]), fresh)  # in place: buffers of BatchNorm too
    b.fit(max_steps=2, **quiet)
    b.reset_model()
    assert same(state(network.net[:3]), fresh)
    for use in (
        lambda: a.query(3),
        lambda: a.fit(max_steps=1, **quiet),
        lambda: al.Trainer(max_steps=1, **quiet).fit(a),
        lambda: a.test(**quiet),
        a.reset_model,
        lambda: al.ActiveLearningLoop(a, 3, 2, max_steps=1),
    ):
        with pytest.raises(ConfigurationError, match=r"Another strategy .*deepcopy"):
            use()
    assert len(b.query(3)) == 3


def test_of_two_untrained_strategies_the_first_that_trains_keeps_the_network(pool, net, quiet):
    network = net()
    a, b = (al.Strategy(network, pool, seed=0).build() for _ in range(2))
    assert a.query(3).indices.tolist() == b.query(3).indices.tolist()
    a.fit(max_steps=2, **quiet)
    trained = state(network)
    for use in lambda: b.query(3), lambda: b.fit(max_steps=1, **quiet), b.reset_model:
        with pytest.raises(ConfigurationError, match="Another strategy"):
            use()
    assert same(state(network), trained)
    a.reset_model()
    b.fit(max_steps=2, **quiet)  # of the first weights again
    assert same(state(network), trained)
    with pytest.raises(ConfigurationError, match="Another strategy"):
        a.query(3)


def test_one_strategy_trains_the_network_that_it_was_given_without_a_word(pool, net, quiet):
    network = net()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        strategy = al.Strategy(network, pool, seed=0).build()
        for _ in range(2):
            strategy.fit(max_steps=2, **quiet)
            strategy.query(3)
        assert same(state(strategy.module.model), state(network))
        strategy.reset_model()
        again = al.Strategy(network, pool, seed=0).build()  # nothing was trained
        again.fit(max_steps=1, **quiet)


def test_copies_and_networks_of_their_own_are_independent(pool, net, quiet):
    network = net()
    a = al.Strategy(network, pool, seed=0).build()
    a.fit(max_steps=2, **quiet)
    trained = state(network)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        continued = al.Strategy(copy.deepcopy(network), pool, seed=0).build()
        assert same(state(continued.module.model), trained)
        others = [a.new().build(), copy.deepcopy(a), pickle.loads(pickle.dumps(a))]
        for other in [continued, *others]:
            other.fit(max_steps=1, **quiet)
            other.query(3)
    assert same(state(network), trained)
    assert len(a.query(3)) == 3


def test_a_frozen_backbone_may_be_shared(pool, net, quiet):
    backbone = net()[:3].requires_grad_(False).eval()
    a, b = (
        al.Strategy(nn.Sequential(backbone, nn.Linear(8, 3)), pool, seed=0).build()
        for _ in range(2)
    )
    before = state(backbone)
    for strategy in a, b, a:
        backbone.eval()
        strategy.fit(max_steps=1, **quiet)
        strategy.query(3)
    assert torch.equal(state(backbone)["0.weight"], before["0.weight"])


def test_weights_that_the_user_loaded_before_any_training_are_the_first_ones(pool, net, quiet):
    network = net()
    al.Strategy(network, pool, seed=0).build()
    network.load_state_dict(net(seed=5).state_dict())
    strategy = al.Strategy(network, pool, seed=0).build()
    strategy.fit(max_steps=1, **quiet)
    assert same(state(strategy.reset_model().module.model), state(net(seed=5)))


def test_a_part_that_a_callback_thaws_belongs_to_the_strategy(pool, net, quiet):
    class Thaws(L.Callback):
        def on_train_start(self, trainer, learner):
            learner.module.net[0].requires_grad_(True)

        def on_fit_start(self, trainer, learner):
            learner.module.net[0].requires_grad_(False)

    learner = al.ActiveLearner(Net(net()), pool, seed=0)
    for _ in range(2):
        learner.fit(max_steps=1, callbacks=[Thaws()], **quiet)
        learner.query(3)
        learner.reset_model()
