import lightning as L
import torch
from torch import nn

import alkit as al


def weights(strategy):
    return {name: value.clone() for name, value in strategy.module.state_dict().items()}


def test_trained_is_whether_the_weights_differ_from_those_of_the_build(pool, net, quiet):
    strategy = al.Strategy(net(), pool, seed=0).build()
    assert not strategy.trained
    strategy.fit(max_steps=1, **quiet)
    assert strategy.trained
    strategy.reset_model()
    assert not strategy.trained


def test_a_copy_of_a_strategy_that_came_built_is_built_by_its_own_build(pool):
    module = al.training.Classifier(nn.Linear(2, 3)).build()
    for strategy in (al.ActiveLearner(module, pool), al.ActiveLearner(module, pool).build()):
        twin = strategy.new()
        assert not twin.built
        assert twin.build().built
        assert not twin.trained


def test_a_redraw_is_of_other_weights_and_a_reset_goes_back_to_the_first(pool):
    strategy = al.Strategy(al.MultiLayerPerceptron(2, [4], 3), pool, seed=0).build()
    first = weights(strategy)
    strategy.reset_model(redraw=True)
    assert strategy.trained
    strategy.reset_model()
    assert all(value.equal(first[name]) for name, value in weights(strategy).items())


def test_lazy_layers_get_their_widths_before_the_weights_are_kept(pool):
    network = nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3))
    strategy = al.Strategy(network, pool, seed=0).build()
    assert next(p.shape for p in strategy.module.parameters()) == (5, 2)
    with torch.no_grad():
        network[0].bias.add_(1)
    assert strategy.trained
    assert not strategy.reset_model().trained


def test_reset_thaws_what_a_callback_froze_and_keeps_what_was_frozen_before(net, pool, quiet):
    class Freezing(L.Callback):
        def on_fit_start(self, trainer, module):
            for parameter in module.parameters():
                parameter.requires_grad_(parameter.ndim > 1 and parameter.requires_grad)

    strategy = al.Strategy(net(), pool, seed=0).build()
    first = next(strategy.module.parameters())
    first.requires_grad_(False)
    before = [p.requires_grad for p in strategy.module.parameters()]
    strategy.fit(max_steps=1, callbacks=[Freezing()], **quiet)
    assert [p.requires_grad for p in strategy.module.parameters()] != before
    strategy.reset_model()
    assert [p.requires_grad for p in strategy.module.parameters()] == before
