import pytest
import torch
from torch import nn

import alkit as al
from alkit.criteria import HeadScore
from alkit.errors import PredictionError, ScoreError


def prediction(features):
    return al.Prediction(features=features)


FEATURES = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(-1, 1), (-1,)])
def test_the_score_is_what_the_head_says_of_the_features(shape):
    class Sum(nn.Module):
        def forward(self, x):
            return x.sum(1).reshape(shape)

    assert HeadScore(Sum())(prediction(FEATURES)).equal(FEATURES.sum(1))


def test_the_head_runs_in_evaluation_mode_without_gradients_and_is_left_as_it_was():
    head = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    head[1].eval()  # a part that is frozen stays so
    modes = [part.training for part in head.modules()]
    state = {name: value.clone() for name, value in head.state_dict().items()}
    scores = HeadScore(head)(prediction(FEATURES))
    assert not scores.requires_grad
    assert HeadScore(head)(prediction(FEATURES)).equal(scores)
    assert [part.training for part in head.modules()] == modes == [True, True, False, True, True]
    assert all(value.equal(state[name]) for name, value in head.state_dict().items())
    assert all(parameter.grad is None for parameter in head.parameters())
    assert torch.is_grad_enabled()


def test_the_head_builds_no_graph():
    class Sum(nn.Linear):
        def forward(self, x):
            assert not torch.is_grad_enabled()
            return super().forward(x)

    assert HeadScore(Sum(3, 1))(prediction(FEATURES)).shape == (6,)


def test_modes_are_restored_where_the_head_fails():
    head = nn.Sequential(nn.Dropout(), nn.Linear(7, 1))
    with pytest.raises(RuntimeError):
        HeadScore(head)(prediction(FEATURES))
    assert all(part.training for part in head.modules())


@pytest.mark.parametrize("features", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("head", [torch.float32, torch.float64, torch.bfloat16])
def test_features_meet_a_head_of_another_precision(features, head):
    scores = HeadScore(nn.Linear(3, 1).to(head))(prediction(FEATURES.to(features)))
    assert scores.dtype == (torch.float64 if head == torch.float64 else torch.float32)


def test_a_head_of_several_numbers_a_row_raises():
    with pytest.raises(ScoreError, match=r"HeadScore\(Linear\) must return one .*\(6, 2\)"):
        HeadScore(nn.Linear(3, 2))(prediction(FEATURES))


def test_without_features_it_says_how_to_get_them():
    with pytest.raises(PredictionError, match=r"HeadScore\(Linear\) needs the features"):
        HeadScore(nn.Linear(3, 1))(al.Prediction(torch.zeros(2, 3)))
