"""Learning loss: its objective by hand, what the head sees, and that it learns the order."""

import warnings

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.utils.data import TensorDataset
from torchmetrics import Accuracy

import alkit as al
from alkit.errors import ConfigurationError, ModelOutputError, ShapeError
from alkit.training.loss_prediction import LossPredictionClassifier


def classifier(model, loss_head=None, layers=None, **options):
    given = {"margin": 0.5, "loss_weight": 2.0, **options}
    return LossPredictionClassifier(model, loss_head, layers, **given).build()


def learner(net, pool, **options):
    return al.strategies.LearningLossStrategy(
        net, pool, **{"batch_size": 8, "seed": 0, **options}
    ).build()


# --- the objective ----------------------------------------------------------------------------


def test_the_loss_is_that_of_the_formula():
    torch.manual_seed(0)
    first, last, head = nn.Linear(2, 5), nn.Linear(5, 3), nn.Linear(5, 1)
    module = classifier(nn.Sequential(first, nn.Tanh(), last), head)
    x, y = torch.randn(7, 2), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    with warnings.catch_warnings():  # no Trainer: nothing is logged
        warnings.simplefilter("ignore")
        loss = module.training_step((x, y), 0)

    z = first(x).tanh()
    losses = [-last(row).log_softmax(0)[k] for row, k in zip(z, y, strict=True)]
    said = head(z)[:, 0]
    pairs = 0.0
    for i, j in ((0, 3), (1, 4), (2, 5)):  # the seventh has no partner
        sign = 1 if losses[i] > losses[j] else -1
        pairs = pairs + max(torch.tensor(0.0), 0.5 - sign * (said[i] - said[j])) / 3
    torch.testing.assert_close(loss, sum(losses) / 7 + 2.0 * pairs)

    parameters = list(module.parameters())
    came = torch.autograd.grad(loss, parameters, retain_graph=True)
    network = [*first.parameters(), *last.parameters(), *head.parameters()]
    expected = torch.autograd.grad(
        nn.functional.cross_entropy(last(z), y) + 2.0 * pairs, network
    )  # the target losses have no gradient
    for got, by_hand in zip(came, expected, strict=True):
        torch.testing.assert_close(got, by_hand)


def test_a_batch_of_one_has_no_pairs(net):
    module = classifier(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3)), nn.Linear(4, 1))
    assert module.ranking_loss(torch.ones(1), torch.ones(1)) == 0


def test_the_head_sees_several_layers_averaged_over_space():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3)
    )
    module = classifier(net, nn.Linear(10, 1))
    assert module.tapped() == ["1", "3"]
    x = torch.randn(5, 1, 8, 8)
    _, features = module.with_features(x)
    by_hand = torch.cat([net[:2](x).mean((2, 3)), net[:4](x).mean((2, 3))], 1)
    torch.testing.assert_close(features, by_hand)
    assert not any(part._forward_hooks for part in net)
    chosen = classifier(net, nn.Linear(4, 1), ["0"])
    torch.testing.assert_close(chosen.with_features(x)[1], net[0](x).mean((2, 3)))


def test_at_most_four_activations_are_seen_those_nearest_to_the_outputs():
    parts = [part for _ in range(6) for part in (nn.Linear(2, 2), nn.GELU())]
    assert classifier(nn.Sequential(*parts), nn.Linear(8, 1)).tapped() == ["5", "7", "9", "11"]


# --- on a toy ---------------------------------------------------------------------------------


def noisy(n=400):
    """Labels are a coin's on the right, and certain on the left."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, 2, generator=generator) * 2 - 1
    coin = torch.randint(2, (n,), generator=generator)
    y = torch.where(x[:, 0] > 0, coin, (x[:, 1] > 0).long())
    pool = al.ActiveLearningDataset(TensorDataset(x, y))
    pool.annotate(range(200))
    return pool, x


def test_the_head_learns_where_losses_are_high_and_the_query_goes_there(quiet):
    pool, x = noisy()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        strategy = learner(
            net.append(nn.Linear(32, 2)), pool, batch_size=64, optimizer=al.Adam(lr=0.01)
        )
    strategy.fit(max_steps=150, **quiet)
    query = strategy.query(30)
    assert (x[query.indices, 0] > 0).float().mean() > 0.9
    assert query.why == "TopK() of HeadScore(Sequential)"
    module, left = strategy.module.eval(), pool.unannotated_indices
    with torch.no_grad():
        outputs, features = module.with_features(x[left])
        said = module.loss_head(features)[:, 0]
        uncertain = torch.special.entr(outputs.softmax(1)).sum(1)
    torch.testing.assert_close(torch.tensor(query.scores), said.topk(30).values)
    assert spearmanr(said, uncertain).statistic > 0.5


def test_blocks_and_their_copies_may_be_trained(pool, quiet):
    net = al.Sequential(al.MultiLayerPerceptron(2, [8], 6, out_activation=nn.ReLU))
    net.append(al.MultiLayerPerceptron(6, [], 3))
    strategy = al.strategies.LearningLossStrategy(net, pool, seed=0)
    twin = strategy.new().build()
    strategy.build()
    for each in strategy, twin:
        each.fit(max_steps=2, **quiet)
        assert len(each.query(3)) == 3


def test_it_keeps_the_laws_of_strategies():
    def make(pool, test):
        net = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
        accuracy = [Accuracy(task="multiclass", num_classes=3)]
        return learner(net, pool, test=test, test_metrics=accuracy)

    al.testing.check_strategy(make)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.0}, "margin must be above 0"),
        ({"loss_weight": float("nan")}, "loss_weight at least 0"),
        ({"loss": lambda y_hat, y: y_hat.sum()}, "a torch loss with a reduction"),
        ({"layers": ["7.body"]}, r"no '7\.body'; it has 0, 1, 2, 3"),
    ],
)
def test_options_that_cannot_be_right_are_refused(net, pool, options, message):
    with pytest.raises(ConfigurationError, match=message):
        learner(net(), pool, **options)


def test_a_network_without_activations_must_name_its_layers(pool):
    with pytest.raises(ConfigurationError, match="no activation such as ReLU"):
        learner(nn.Linear(2, 3), pool)


def test_a_layer_that_is_not_used_is_named(pool):
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(2, 3), nn.Linear(2, 3)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(ModelOutputError, match="'idle' did not return a tensor"):
        learner(Idle(), pool, layers=["idle"])


def test_a_head_that_does_not_fit_is_reported(net, pool, quiet):
    strategy = learner(net(), pool, loss_head=al.MultiLayerPerceptron(5, [], 1))
    with pytest.raises(ShapeError, match=r"takes \(\.\.\., 5\), got \(\d+, 8\)"):
        strategy.fit(max_steps=1, **quiet)
