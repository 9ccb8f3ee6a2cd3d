import pytest
import torch
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError, PredictionError


class Committee(nn.Module):
    """K = 4 linear members, the same ones for every batch."""

    posterior_samples = True

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.members = nn.ModuleList(nn.Linear(2, 3) for _ in range(4))

    def forward(self, x):
        outputs = torch.stack([member(x) for member in self.members], 1)
        return outputs.mean(1) if self.training else outputs


def outputs(strategy, pool, ids):
    x = pool._samples.dataset.tensors[0]
    with torch.no_grad():
        return al.Prediction(strategy.module.model.eval()(x[ids]))


def test_by_default_the_unannotated_samples_are_the_targets(pool):
    strategy = al.Strategy(Committee(), pool, al.EPIG(), seed=0).build()
    ids = pool.unannotated_indices
    ours = outputs(strategy, pool, ids)
    query = strategy.query(6)
    expected = al.select(6, prediction=ours, criterion=al.EPIG(ours), seed=0)
    assert list(query) == list(ids[expected.indices])
    assert query.scores == pytest.approx(expected.scores, abs=1e-6)
    assert query.why.startswith("TopK() of EPIG(36 targets)")


def test_other_inputs_may_be_the_targets_and_need_no_label(pool, blobs):
    x = blobs(20, seed=9).tensors[0] + 5
    strategy = al.Strategy(Committee(), pool, al.EPIG(list(x)), al.Power(4), seed=0).build()
    with torch.no_grad():
        targets = al.Prediction(strategy.module.model.eval()(x))
    query = strategy.query(6)
    assert query.why.startswith("Power(beta=4) of EPIG(20 targets)")
    scores = al.EPIG(targets)(outputs(strategy, pool, query.indices))
    assert query.scores == pytest.approx(scores.numpy(), abs=1e-6)


def test_targets_are_drawn_anew_each_round_and_the_same_for_a_seed(pool):
    strategy = al.Strategy(Committee(), pool, al.EPIG(num_targets=5), seed=0).build()
    first = strategy.criterion.at(strategy.context).targets
    assert len(first) == 5
    assert strategy.criterion.at(strategy.context).targets.equal(first)
    other = al.Strategy(Committee(), pool, al.EPIG(num_targets=5), seed=1).build()
    assert not other.criterion.at(other.context).targets.equal(first)
    strategy.query_and_update(3)
    assert not strategy.criterion.at(strategy.context).targets.equal(first)


def test_one_sample_of_the_posterior_is_an_error(pool, net):
    with pytest.raises(PredictionError, match=r"\(K = 1\)"):
        al.Strategy(net(), pool, al.EPIG(), seed=0).build().query(5)


@pytest.mark.parametrize("wrong", [0, 1.5, True])
def test_a_number_of_targets_that_cannot_be_raises(pool, net, wrong):
    with pytest.raises(ConfigurationError, match="num_targets"):
        al.EPIG(num_targets=wrong)
