"""Strategies over blocks that give K posterior samples: trained, tested and queried as others."""

import weakref

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics import Accuracy

import alkit as al
from alkit.errors import ConfigurationError, NotEnoughMemoryError
from alkit.querying.gathered import gather
from alkit.querying.meaning import Meaning
from alkit.querying.predictor import Predictor
from alkit.testing import check_strategy


def dropout_net():
    """A plain network with dropout and BatchNorm, the same one each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 8),
            nn.ReLU(), nn.Linear(8, 3),
        )  # fmt: skip


BLOCKS = {
    "dropout": lambda: al.MCDropout(dropout_net(), samples=6),
    "ensemble": lambda: al.Ensemble(al.MultiLayerPerceptron(2, [8], 3), members=3),
    "ensemble of modules": lambda: al.Ensemble(dropout_net(), members=2),
    "dropout of an ensemble": lambda: al.MCDropout(al.Ensemble(dropout_net(), 2), samples=3),
}


def strategy_of(make, pool, test=None, **options):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return al.Strategy(
            make(),
            pool,
            criterion=al.BALD(),
            test=test,
            seed=3,
            batch_size=8,
            optimizer=al.Adam(lr=0.02),
            **options,
        ).build()


@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS.keys())
def test_strategies_over_them_keep_the_laws(make):
    check_strategy(lambda pool, test: strategy_of(make, pool, test))


@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS.keys())
def test_the_loop_of_the_textbook_runs(make, pool, blobs, quiet):
    accuracy = Accuracy(task="multiclass", num_classes=3)
    test = blobs(200, seed=1)
    strategy = strategy_of(make, pool, test, test_metrics=[accuracy], test_batch_size=64)
    for round in range(1, 3):
        trainer = al.Trainer(max_steps=120, max_epochs=-1, **quiet)
        trainer.fit(strategy)
        (results,) = trainer.test(strategy, verbose=False)
        assert results["testMulticlassAccuracy"] > 0.7
        with torch.no_grad():
            outputs = strategy.module.model.eval()(test.tensors[0])
            strategy.train()
        p = outputs.softmax(2).mean(1)
        right = (p.argmax(1) == test.tensors[1]).float().mean().item()
        assert results["testMulticlassAccuracy"] == pytest.approx(right)
        loss = nn.functional.nll_loss(p.log(), test.tensors[1]).item()
        assert results["test_loss_epoch"] == pytest.approx(loss, rel=1e-4)
        query = strategy.query_and_update(5)
        assert query.round == round
        assert query.why.startswith("TopK() of BALD()")
        assert (query.scores > 0).all()
        strategy.reset_model()


def test_the_scores_are_those_of_naive_samples(pool):
    strategy = strategy_of(BLOCKS["dropout"], pool)
    left, x = pool.unannotated_indices, pool._samples.dataset.tensors[0]
    with torch.no_grad():
        outputs = strategy.module.model.eval()(x[left])
    expected = al.BALD()(al.Prediction(outputs, torch.from_numpy(left)))
    query = strategy.query(4)
    rows = np.searchsorted(left, query.indices)
    np.testing.assert_allclose(query.scores, expected[rows], atol=1e-6)
    assert set(query.indices) == set(left[expected.argsort(descending=True)[:4].numpy()])
    assert strategy.query(4).trace.look_again().drift < 1e-5


def test_an_ensemble_can_be_drawn_again_and_restored(pool):
    strategy = strategy_of(BLOCKS["ensemble"], pool)
    first = {name: value.clone() for name, value in strategy.module.state_dict().items()}
    strategy.fit(max_steps=5, enable_progress_bar=False)
    assert int(strategy.module.model.turn) == 5
    strategy.reset_model(redraw=True)
    assert int(strategy.module.model.turn) == 0
    changed = [not torch.equal(first[n], v) for n, v in strategy.module.state_dict().items()]
    assert sum(changed) == 12  # all weights of three members
    strategy.reset_model()
    assert all(torch.equal(first[n], v) for n, v in strategy.module.state_dict().items())


def test_steps_of_an_ensemble_are_steps_of_its_members_in_turns(pool):
    strategy = strategy_of(BLOCKS["ensemble"], pool)
    model = strategy.module.model
    seen = [[] for _ in model.members]
    for rows, member in zip(seen, model.members, strict=True):
        member.register_forward_hook(lambda module, args, y, rows=rows: rows.append(args[0]))
    strategy.fit(max_steps=9, enable_progress_bar=False)
    assert [len(batches) for batches in seen] == [3, 3, 3]
    together = torch.cat([seen[0][0], seen[1][0], seen[2][0]])
    assert len(together.unique(dim=0)) == len(together)  # one pass, each sample to one member


def test_features_within_mcdropout_are_the_mean_over_its_samples(pool, monkeypatch):
    strategy = strategy_of(BLOCKS["dropout"], pool)
    model, x = strategy.module.model, pool._samples.dataset.tensors[0]
    passes = []
    hook = model.model[5].register_forward_hook(lambda module, args, y: passes.append(y))
    with torch.no_grad():
        model._at_once = False
        model.eval()(x)
        model._at_once = True
    hook.remove()
    expected = torch.stack(passes).mean(0)
    batches = [(torch.arange(n, n + 20), x[n : n + 20]) for n in range(0, 60, 20)]

    def read():
        found = Predictor(None, Meaning("logits"), None).predictions(
            strategy.module, batches, x.device
        )
        return torch.cat([prediction.features for prediction in found])

    torch.testing.assert_close(read(), expected)
    monkeypatch.setattr("alkit.blocks.posterior.mcdropout.ROWS", 7 * 6)
    torch.testing.assert_close(read(), expected)
    model._at_once = False
    torch.testing.assert_close(read(), expected)
    badge = al.badge(al.MCDropout(dropout_net(), 6), pool, seed=0).build()
    assert len(badge.query(4)) == 4


def test_posterior_samples_of_the_pool_are_never_stored():
    n, k, c, chunk = 60, 8, 5, 10
    alive: list[weakref.ref] = []
    most = []

    def stream():
        for start in range(0, n, chunk):
            prediction = al.Prediction(
                outputs[start : start + chunk].clone(), ids[start : start + chunk]
            )
            alive.append(weakref.ref(prediction.outputs))
            yield prediction
            del prediction
            most.append(sum(ref() is not None for ref in alive))

    ids, outputs = torch.arange(n), torch.randn(n, k, c)
    seen = gather(stream(), n, terms=(al.BALD(), al.Entropy()), guesses=True)
    assert max(most) <= 1
    assert seen.prediction is None
    whole = al.Prediction(outputs, ids)
    torch.testing.assert_close(seen.scores[0], al.BALD()(whole))
    torch.testing.assert_close(seen.scores[1], al.Entropy()(whole))


def test_where_a_selector_needs_them_their_bytes_are_stated_first(monkeypatch):
    told = []
    monkeypatch.setattr("alkit.hardware.psutil.virtual_memory", lambda: told.append(1) or Free())
    monkeypatch.setattr("alkit.storage.shutil.disk_usage", lambda folder: Free())
    chunks = [al.Prediction(torch.randn(10, 50, 10), torch.arange(10))]
    with pytest.raises(NotEnoughMemoryError, match=r"outputs of 1,000,000 candidates .* 2.0 GB"):
        gather(chunks, 1_000_000, keep={"outputs"})
    assert told
    assert gather(chunks, 1_000_000, terms=(al.BALD(),)).scores[0].shape == (10,)


class Free:
    available = free = 10**9


def test_papers_put_the_dropout_around_the_network(pool):
    query = al.bald(dropout_net(), pool, samples=4, seed=0).build().query(3)
    assert query.why.startswith("TopK() of BALD()")
    strategy = al.papers.power_bald(dropout_net(), pool, samples=4, beta=2, seed=0).build()
    assert strategy.module.model.samples == 4
    assert strategy.query(3).probabilities.shape == (3,)
    with pytest.raises(ConfigurationError, match="finds no dropout layer"):
        al.bald(nn.Linear(2, 3), pool)
