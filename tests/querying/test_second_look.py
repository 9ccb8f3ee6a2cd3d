import numpy as np
import pytest
import torch

import alkit as al


def asked(net, pool, criterion=None, selector=None, **options):
    strategy = al.Strategy(net(), pool, criterion, selector, seed=0, **options).build()
    return strategy, strategy.query(9)


@pytest.mark.parametrize("selector", [None, al.KCenter()], ids=["scores", "features"])
def test_the_picks_are_predicted_once_more_when_it_is_asked_for(net, pool, selector):
    strategy, query = asked(net, pool, al.Margin(), selector)
    again = query.trace.look_again()
    assert sorted(query) == again.picks.prediction.ids.tolist()
    assert again.drift < 1e-5
    with torch.no_grad():
        x = pool._samples.dataset.tensors[0][again.picks.prediction.ids]
        expected = strategy.module.model.eval()(x).softmax(1)
    torch.testing.assert_close(again.picks.prediction.outputs[:, 0], expected)


def test_a_query_runs_no_pick_through_the_model_twice(net, pool):
    rows = []

    class Counted(al.Strategy):
        def predictions(self, pool, indices):
            rows.extend(np.asarray(indices).tolist())
            yield from super().predictions(pool, indices)

    for criterion, selector, seen in ((al.Margin(), None, 36), (None, al.Random(), 9)):
        rows.clear()
        query = Counted(net(), pool, criterion, selector, seed=0).build().query(9)
        assert len(rows) == len(set(rows)) == seen
        assert len(query.guesses) == 9


def test_a_score_that_depends_on_its_batch_drifts(net, pool):
    def share_of_batch(prediction):
        p = prediction.probabilities[:, 0, 0]
        return p - p.mean()

    class Whole(al.criteria.Criterion):
        def score(self, prediction):
            return share_of_batch(prediction)

    _, query = asked(net, pool, Whole(), test_batch_size=5)
    assert query.trace.look_again().drift > 0.01


def test_after_training_or_a_reset_there_is_nothing_to_compare_with(net, pool, quiet):
    strategy, query = asked(net, pool)
    assert query.trace.look_again() is not None
    strategy.fit(max_steps=1, **quiet)
    assert query.trace.look_again() is None
    assert al.doctor(query)["repeatable scores"].verdict == "not seen"
    later = strategy.query(9)
    assert later.trace.look_again() is not None
    strategy.reset_model()
    assert later.trace.look_again() is None


def test_at_most_a_thousand_picks_are_predicted_again(net, blobs):
    pool = al.ActiveLearningDataset(blobs(1300))
    query = al.Strategy(net(), pool, seed=0).build().query(1200)
    again = query.trace.look_again()
    assert len(again.picks.prediction) == 1000
    assert set(again.picks.prediction.ids.tolist()) < set(query)
