import pytest
import torch

import alkit as al
from alkit.criteria import ExpectedGradientLength
from alkit.errors import PredictionError


def by_autograd(layer, features):
    """Mean gradient norm of the last layer, over labels drawn from the model."""
    lengths = []
    for e in features:
        p = layer(e).softmax(-1).detach()
        total = 0.0
        for y in range(len(p)):
            loss = torch.nn.functional.cross_entropy(layer(e)[None], torch.tensor([y]))
            gradients = torch.autograd.grad(loss, list(layer.parameters()))
            total += p[y] * torch.cat([g.flatten() for g in gradients]).norm()
        lengths.append(total)
    return torch.stack(lengths)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("scale", [0.1, 1, 10])
def test_it_is_the_expected_length_of_the_last_layers_gradient(bias, scale):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    layer = torch.nn.Linear(5, 4, bias=bias, dtype=torch.float64)
    for parameter in layer.parameters():
        parameter.data = scale * torch.randn(
            parameter.shape, generator=generator, dtype=torch.float64
        )
    prediction = al.Prediction(layer(features), features=features)
    scores = ExpectedGradientLength(bias=bias)(prediction)
    torch.testing.assert_close(scores, by_autograd(layer, features))


def test_float32_keeps_the_order_of_almost_certain_predictions():
    e = torch.tensor([1e-4, 2e-4, 4e-4, 1e-3], dtype=torch.float64)
    p = torch.stack([1 - e, 0.9 * e, 0.1 * e], -1)
    exact, rounded = (
        ExpectedGradientLength()(
            al.Prediction(q, kind="probabilities", features=torch.ones(4, 3))
        ).double()
        for q in (p, p.float())
    )
    torch.testing.assert_close(rounded, exact, rtol=2e-3, atol=0)
    assert ExpectedGradientLength()(
        al.Prediction(torch.eye(3), kind="probabilities", features=torch.ones(3, 2))
    ).tolist() == [0, 0, 0]


def test_samples_are_averaged_first_and_features_may_be_of_half_precision():
    z = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(1))
    features = torch.randn(6, 5, generator=torch.Generator().manual_seed(2)).half()
    mean = z.softmax(-1).mean(1)
    scores = ExpectedGradientLength()(al.Prediction(z, features=features))
    expected = al.Prediction(mean, kind="probabilities", features=features.float())
    torch.testing.assert_close(scores, ExpectedGradientLength()(expected))
    assert scores.dtype == torch.float32


def test_longer_features_score_higher():
    features = torch.tensor([[1.0, 0], [2, 0], [0, 5]])
    scores = ExpectedGradientLength()(al.Prediction(torch.zeros(3, 4), features=features))
    assert scores.argsort().tolist() == [0, 1, 2]


def test_without_features_the_error_states_how_to_provide_them():
    with pytest.raises(PredictionError, match=r'features="layer.path".*embeddings= to al.select'):
        ExpectedGradientLength()(al.Prediction(torch.zeros(3, 4)))


def test_it_prints_as_it_is_written():
    assert repr(ExpectedGradientLength()) == "ExpectedGradientLength()"
    assert repr(ExpectedGradientLength(bias=False)) == "ExpectedGradientLength(bias=False)"
