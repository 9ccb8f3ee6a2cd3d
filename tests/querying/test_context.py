import numpy as np
import pytest
import torch

import alkit as al
from alkit.criteria import Context
from alkit.errors import ConfigurationError


def strategy(net, pool, **options):
    return al.Strategy(net(), pool, seed=0, **options).build()


def outputs(strategy, pool, ids):
    with torch.no_grad():
        return strategy.module.model.eval()(pool._samples.dataset.tensors[0][ids])


def test_it_knows_the_round_and_its_random_numbers_repeat(net, pool):
    context = strategy(net, pool).context
    assert context.round == pool.next_round == 1
    first, again = (context.generator("targets").random() for _ in range(2))
    assert first == again
    assert first != context.generator("other").random()
    assert first != Context(round=2, seed=0).generator("targets").random()


def test_it_predicts_samples_in_the_order_of_their_ids(net, pool):
    learner = strategy(net, pool, test_batch_size=3)
    found = learner.context.predict(np.array([3, 8, 50, 51]))
    assert found.ids.tolist() == [3, 8, 50, 51]
    torch.testing.assert_close(found.outputs[:, 0], outputs(learner, pool, found.ids))
    with pytest.raises(ConfigurationError, match="at least one sample"):
        learner.context.predict(np.array([], dtype=np.int64))


def test_it_draws_unannotated_samples_or_those_of_another_dataset(net, pool, blobs):
    learner = strategy(net, pool)
    drawn = learner.context.draw(7, "targets")
    assert len(drawn) == 7
    assert set(drawn.ids.tolist()) <= set(pool.unannotated_indices.tolist())
    assert learner.context.draw(7, "targets").ids.equal(drawn.ids)
    assert not learner.context.draw(7, "other").ids.equal(drawn.ids)
    others = learner.context.draw(100, "targets", blobs(20, seed=9))
    assert others.ids.tolist() == list(range(20))


def test_held_out_labels_are_those_of_the_validation_pool(net, pool, blobs):
    held_out = al.ActiveLearningDataset(blobs(30, seed=5))
    learner = strategy(net, pool, val_pool=held_out)
    assert learner.context.held_out() is None
    held_out.annotate([4, 2, 9])
    prediction, labels = learner.context.held_out()
    assert prediction.ids.tolist() == [2, 4, 9]
    assert labels == [2, 1, 0]
    with pytest.raises(ConfigurationError, match="val_pool"):
        strategy(net, pool).context.held_out()


def test_it_reaches_the_parts_of_the_module(net, pool):
    learner = strategy(net, pool)
    assert learner.context.part("model.3") is learner.module.model[3]
    with pytest.raises(ConfigurationError, match=r"no part 'critic'; it has loss, .*model"):
        learner.context.part("critic")


def test_a_change_of_the_weights_is_seen_and_a_forward_pass_is_none(net, pool):
    learner = strategy(net, pool)
    before = learner.context.weights()
    learner.query(5)
    assert learner.context.weights() == before
    with torch.no_grad():
        learner.module.model[0].bias.add_(1)
    assert learner.context.weights() != before
