"""Another model on recorded labels, and on all of them."""

import pytest
import torch
from small import DATA, X, Y, compare, lasting, margin, options
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError
from alkit.experiment import ceiling
from alkit.reporting.result import Result


@pytest.fixture(scope="module")
def result():
    return compare()


def linear(pool, seed):
    return al.UniformStrategy(al.Sequential(al.Layer(nn.Linear, 4, 3)), pool, **options(seed))


def replay(result, factory=margin, strategy="margin", seed=4, data=DATA, **changes):
    return al.replay(result, strategy, seed, factory, data, progress=False, **changes)


def test_the_same_model_gives_the_recorded_results(result, tmp_path):
    result.save(tmp_path)
    for source in (result, al.load(tmp_path)):
        replayed = replay(source)
        assert isinstance(replayed, Result)
        recorded = [r for r in result.rows if (r["strategy"], r["seed"]) == ("margin", 4)]
        for ours, theirs in zip(replayed.rows, recorded, strict=True):
            for name in ("annotated", "picked", "steps", result.metric, "test_loss_epoch"):
                assert ours[name] == theirs[name]


def test_another_model_is_trained_on_the_same_samples(result):
    replayed = replay(result, linear, max_steps=9)
    recorded = [r for r in result.rows if (r["strategy"], r["seed"]) == ("margin", 4)]
    assert [r["picked"] for r in replayed.rows] == [r["picked"] for r in recorded]
    assert {r["steps"] for r in replayed.rows} == {9}
    assert {r["strategy"] for r in replayed.rows} == {"margin, replayed"}
    assert replayed.protocol["replayed"] == {"strategy": "margin", "seed": 4}
    assert replayed.summary()[0]["labels"] == 18


def test_a_replay_survives_as_a_comparison_does(result, tmp_path):
    first = replay(result, linear, folder=tmp_path)
    assert replay(result, linear, folder=tmp_path).rows == first.rows == al.load(tmp_path).rows


def test_what_cannot_be_replayed_is_said(result):
    with pytest.raises(ConfigurationError, match="Did you mean 'margin'"):
        replay(result, strategy="margn")
    with pytest.raises(ConfigurationError, match=r"seeds \[3, 4\], not with 5"):
        replay(result, seed=5)
    with pytest.raises(ConfigurationError, match="not the one of the record"):
        replay(result, data=TensorDataset(X[:40], 2 - Y[:40]))
    with pytest.raises(ConfigurationError, match="lacks"):
        replay(Result(result.rows, {}))


def test_the_ceiling_is_the_model_trained_on_all_labels():
    found = ceiling(margin, DATA, seeds=[3, 4], max_steps=30, progress=False)
    assert len(found["testMulticlassAccuracy"]) == 2
    compared = compare({"margin": margin}, ceiling=30, without="uniform")
    assert compared.protocol["ceiling"] == found
    assert compared.protocol["ceiling_steps"] == 30
    assert compared.strategies == ["margin"]

    pool = al.ActiveLearningDataset(DATA)
    pool.annotate(range(40))
    from alkit.experiment.trial import randomness
    from alkit.seeds import derive

    with randomness(derive(3, "weights")):
        strategy = margin(pool, derive(3, "strategy"))
    with randomness(derive(3, "training", 0)):
        strategy.fit(max_steps=30, enable_progress_bar=False)
    with torch.no_grad():
        right = (strategy.eval()(X[40:]).argmax(-1) == Y[40:]).float().mean()
    assert found["testMulticlassAccuracy"][0] == pytest.approx(float(right))


def test_the_rows_are_the_same_with_and_without_a_ceiling(result):
    assert lasting(compare(ceiling=5).rows) == lasting(result.rows)
