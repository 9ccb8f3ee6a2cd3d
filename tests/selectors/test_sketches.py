import pytest
import torch
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors import Candidates, GradientSketch


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network(outputs=1):
    net = nn.Sequential(
        nn.Linear(5, 40), nn.BatchNorm1d(40), nn.Dropout(0.5), nn.Tanh(), nn.Linear(40, outputs)
    )
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            parameter.copy_(gaussian(*parameter.shape, seed=i))
    return net


def jacobian(net, rows):
    """Reference: gradients of each output of each row by autograd, all parameters in a line."""
    net, found = net.eval(), []
    for row in rows:
        parts = []
        for output in net(row[None])[0]:
            grads = torch.autograd.grad(output, list(net.parameters()), retain_graph=True)
            parts += [grad.flatten() for grad in grads]
        found.append(torch.cat(parts))
    return torch.stack(found)


def sketched(space, rows, net, known=None):
    annotated = None if known is None else al.Prediction(features=known)
    points, others = space(Candidates(None, al.Prediction(features=rows), annotated, head=net))
    return points.factors[0], None if others is None else others.factors[0]


@pytest.mark.parametrize("outputs", [1, 3])
def test_inner_products_are_those_of_the_gradients(outputs):
    rows, net = gaussian(12, 5), network(outputs)
    exact = jacobian(net, rows)
    found, _ = sketched(GradientSketch(1 << 17), rows, net)
    norms, bound = exact.norm(dim=1), 5 * (2 / 2**17) ** 0.5
    assert ((found @ found.T - exact @ exact.T).abs() < bound * norms[:, None] * norms).all()


@pytest.mark.parametrize("one_sign", [False, True])
def test_a_small_sketch_is_right_on_average_over_seeds(one_sign):
    rows, net, seeds = gaussian(6, 5), network(), 300
    if one_sign:  # of the gradients, so that sums without random signs would be too large
        rows, net = gaussian(6, 50).abs(), nn.Linear(50, 1)
    exact = jacobian(net, rows)
    found = [sketched(GradientSketch(32, seed=seed), rows, net)[0] for seed in range(seeds)]
    products = torch.stack([part @ part.T for part in found])
    norms = exact.norm(dim=1)
    bound = norms[:, None] * norms * (2 / 32) ** 0.5
    true = exact @ exact.T
    assert ((products.mean(0) - true).abs() < 4 * bound / seeds**0.5).all()
    assert (products.std(0) < 1.2 * bound).all()
    assert (products.std(0) > 0).all()


def test_candidates_and_annotated_samples_have_the_same_projection():
    rows, net = gaussian(9, 5), network(2)
    ours, theirs = sketched(GradientSketch(64), rows, net, rows)
    assert ours.shape == (9, 64)
    assert torch.equal(ours, theirs)
    again, _ = sketched(GradientSketch(64), rows, net)
    other, _ = sketched(GradientSketch(64, seed=1), rows, net)
    assert torch.equal(ours, again)
    assert not torch.allclose(ours, other)


def test_the_rows_are_taken_in_parts_and_the_module_is_left_as_it_was(monkeypatch):
    rows, net = gaussian(40, 5), network().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    whole, _ = sketched(GradientSketch(64), rows, net)
    monkeypatch.setattr("alkit.selectors.sketches.VALUES", 7 * 361)
    parts, _ = sketched(GradientSketch(64), rows, net)
    torch.testing.assert_close(whole, parts)
    assert net.training
    assert net[1].training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_strategy_uses_the_gradients_of_all_parameters():
    x = gaussian(30, 5)
    pool = al.ActiveLearningDataset(torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True)))
    pool.annotate_random(5, seed=0)
    net = network()
    model = al.Sequential(nn.Identity(), net)
    strategy = al.papers.lcmd(al.training.Regressor(model), pool, space=GradientSketch(),
                              outputs="values", seed=0).build()  # fmt: skip
    query = strategy.query(4)
    left, known = pool.unannotated_indices, pool.annotated_indices
    head = strategy.module.model[1]
    prediction = al.Prediction(torch.zeros(30, 1), kind="values", features=x)
    expected = al.select(4, prediction=prediction, annotated=known, head=head, seed=0,
                         selector=al.selectors.LCMD(GradientSketch()))  # fmt: skip
    assert set(query.indices) <= set(left)
    assert query.indices.tolist() == expected.indices.tolist()


def test_a_head_without_parameters_or_rows_raises():
    rows = gaussian(3, 5)
    for head in (torch.sin, nn.Tanh()):
        with pytest.raises(ConfigurationError, match="module with parameters"):
            sketched(GradientSketch(), rows, head)

    class Pair(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    with pytest.raises(PredictionError, match="one row of numbers for each sample, got tuple"):
        sketched(GradientSketch(), rows, Pair(5, 1))
    with pytest.raises(ConfigurationError, match="size must be"):
        GradientSketch(0)


def test_it_reads_as_it_is_made():
    assert repr(GradientSketch()) == "GradientSketch()"
    assert repr(GradientSketch(64, seed=2)) == "GradientSketch(64, seed=2)"


def test_frozen_parameters_do_not_count():
    rows, net = gaussian(12, 5), nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 2))
    with torch.no_grad():
        hidden = net[:2](rows)
    expected = sketched(GradientSketch(1 << 15), hidden, net[2])[0]
    net[0].requires_grad_(False)
    found = sketched(GradientSketch(1 << 15), rows, net)[0]
    torch.testing.assert_close(found @ found.T, expected @ expected.T)
    with pytest.raises(ConfigurationError, match="not frozen"):
        sketched(GradientSketch(), rows, net.requires_grad_(False))
