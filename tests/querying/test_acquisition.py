import pickle

import numpy as np
import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError


def learner(net, pool, **options):
    return al.Strategy(net(), pool, seed=0, **options).build()


def test_it_is_margin_and_top_k_unless_others_are_given():
    assert repr(al.Acquisition()) == "Acquisition(Margin(), TopK())"
    made = al.Acquisition(al.Entropy(), al.KCenter(), reason="a reason")
    assert repr(made) == "Acquisition(Entropy(), KCenter())"


def test_criterion_and_selector_or_an_acquisition_of_them_ask_for_the_same(net, pool):
    criterion, selector = al.Rank(al.Margin()) + al.Rank(al.Entropy()), al.Power(2)
    first = learner(net, pool, criterion=criterion, selector=selector).query(6)
    second = learner(net, pool, acquisition=al.Acquisition(criterion, selector)).query(6)
    assert list(first) == list(second)
    assert first.why == second.why
    np.testing.assert_array_equal(first.scores, second.scores)


def test_it_asks_for_what_select_finds_in_the_same_predictions(net, pool):
    strategy = learner(net, pool, criterion=al.Entropy())
    ids = pool.unannotated_indices
    with torch.no_grad():
        logits = strategy.module.model.eval()(pool._samples.dataset.tensors[0][ids])
    expected = al.select(5, prediction=al.Prediction(logits), criterion=al.Entropy(), seed=0)
    query = al.Acquisition(al.Entropy()).ask(strategy.context, 5)
    assert list(query) == ids[expected.indices].tolist()
    assert query.guesses.tolist() == logits.argmax(1)[expected.indices].tolist()
    assert query.scores == pytest.approx(expected.scores, rel=1e-5)


def test_a_reason_is_part_of_the_why(net, pool):
    query = learner(net, pool, acquisition=al.Acquisition(reason="it is early")).query(2)
    assert query.why.startswith("TopK() of Margin(): it is early; warning: ")


def test_the_query_is_built_once(net, pool, monkeypatch):
    strategy, made = learner(net, pool), []
    monkeypatch.setattr(al.Query, "__post_init__", lambda self: made.append(self))
    query = strategy.query(4)
    assert made == [query]
    assert query.round == 1


def test_it_can_be_replaced_and_then_decides_whatever_the_class_overrides(net, pool):
    class Own(al.Strategy):
        def query_strategy(self, pool, n):
            return pool.unannotated_indices[:n]

        def score(self, prediction):
            return prediction.outputs[:, 0, 0]

    strategy = Own(net(), pool, seed=0).build()
    assert list(strategy.query(4)) == pool.unannotated_indices[:4].tolist()
    assert not strategy.asks_by_acquisition
    strategy.acquisition = al.Acquisition(al.Entropy())
    expected = learner(net, pool, criterion=al.Entropy()).query(4)
    assert list(strategy.query(4)) == list(expected)
    assert strategy.asks_by_acquisition
    assert type(strategy) is Own


def test_a_criterion_that_is_set_takes_the_place_of_an_own_score(net, pool):
    class Own(al.Strategy):
        def score(self, prediction):
            return prediction.outputs[:, 0, 0]

    strategy = Own(net(), pool, seed=0).build()
    assert strategy.query(2).why.startswith("TopK() of score; warning: ")
    strategy.criterion, strategy.selector = al.Margin(), al.KCenter()
    assert repr(strategy.acquisition) == "Acquisition(Margin(), KCenter())"


@pytest.mark.parametrize(
    "acquisition", [al.Acquisition(al.Margin(), al.Power(2)), al.querying.Auto()]
)
def test_it_pickles_and_so_does_its_query(net, pool, acquisition):
    again = pickle.loads(pickle.dumps(acquisition))
    assert repr(again) == repr(acquisition)
    query = learner(net, pool, acquisition=again).query(3)
    kept = pickle.loads(pickle.dumps(query))
    assert list(kept) == list(query)
    assert kept.trace.look_again is None


def test_an_acquisition_and_a_criterion_are_refused_together(net, pool):
    with pytest.raises(ConfigurationError, match="not both"):
        al.Strategy(net(), pool, al.Margin(), acquisition=al.Acquisition())
    with pytest.raises(ConfigurationError, match=r"alkit.Acquisition, got 'margin'"):
        al.Strategy(net(), pool, acquisition="margin")
    strategy = learner(net, pool)
    with pytest.raises(ConfigurationError, match=r"alkit.Acquisition"):
        strategy.acquisition = al.Margin()
    assert repr(strategy.acquisition) == "Acquisition(Margin(), TopK())"
