"""The doctor as a whole: healthy queries, what it prints, and that looking changes nothing."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.criteria import check_scores
from alkit.errors import ConfigurationError
from alkit.seeds import generator

NAMES = [
    "meaning of outputs",
    "near-duplicates",
    "outliers",
    "tied scores",
    "posterior samples",
    "repeatable scores",
    "class skew",
    "class spread",
    "agreement with random",
]


def clusters(n=2400):
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 3
    return TensorDataset(torch.randn(n, 4, generator=rng) + 2 * torch.eye(4)[y], y)


def strategy(selector=None, criterion=None, **options):
    pool = al.ActiveLearningDataset(clusters())
    pool.annotate_random(60, seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    return al.Strategy(net, pool, criterion, selector, batch_size=256, seed=0, **options).build()


def test_a_sound_query_is_healthy_and_says_so():
    diagnosis = al.doctor(strategy().query(30))
    assert diagnosis.healthy
    assert diagnosis.warnings == ()
    assert [finding.name for finding in diagnosis] == NAMES
    assert {f.name for f in diagnosis if f.verdict == "not seen"} == {"posterior samples"}


def test_random_picks_are_healthy_and_nothing_of_the_candidates_was_seen():
    query = strategy(al.Random()).query(30)
    assert query.trace.sample is None
    assert len(query.trace.look_again().picks.prediction) == 30
    diagnosis = al.doctor(query)
    assert diagnosis.healthy
    assert diagnosis["agreement with random"].verdict == "ok"


def test_it_prints_what_is_wrong_what_it_means_and_what_to_do():
    diagnosis = al.doctor(strategy(criterion=al.criteria.Constant(1.0)).query(30))
    assert not diagnosis.healthy
    assert diagnosis["tied scores"] in diagnosis.warnings
    text = str(diagnosis)
    assert text == repr(diagnosis)
    assert text.startswith("Query(round 1: 30 samples [")
    assert "warning   tied scores            all 2,340 candidates have the same score\n" in text
    assert "          means: where scores are equal, chance decides" in text
    assert "          do: check that the model was trained" in text
    assert "not seen  posterior samples      needs outputs (N, K, C)" in text
    assert max(map(len, text.splitlines())) <= 120
    with pytest.raises(KeyError, match="tie"):
        diagnosis["tie"]


def test_every_finding_but_ok_ones_says_what_to_do():
    found = [*al.doctor(strategy(criterion=al.criteria.Constant()).query(30))]
    for finding in found:
        assert finding.says
        has_advice = bool(finding.means and finding.do)
        assert has_advice == (finding.verdict in ("note", "warning"))


def test_a_query_that_carries_no_evidence_is_seen_through_by_nobody():
    diagnosis = al.doctor(al.Query(np.arange(5), why="mine"))
    assert {finding.verdict for finding in diagnosis} == {"not seen"}
    assert all(finding.says.startswith("needs ") for finding in diagnosis)


@pytest.mark.parametrize("wrong", [[1, 2], None, strategy])
def test_what_is_no_query_is_refused(wrong):
    with pytest.raises(ConfigurationError, match=r"checks a Query, got .*al\.select"):
        al.doctor(wrong)


# --- evidence -----------------------------------------------------------------------------------


def test_the_evidence_of_a_strategy_is_bounded_whatever_the_pool_and_n():
    query = strategy().query(1500)
    for seen in (query.trace.sample, query.trace.look_again().picks):
        assert len(seen.prediction) == 1000
        assert len(seen.prediction.features) == 1000
    assert len(query.trace.scores) == 1000
    assert query.trace.candidates == 2340
    assert set(query.trace.look_again().picks.prediction.ids.tolist()) < set(query)
    assert len(pickle.dumps(query.trace)) < 1000 * (3 + 8 + 2) * 4 * 2


def test_the_evidence_is_what_the_model_says_of_these_samples():
    learner = strategy()
    query = learner.query(20)
    model = copy.deepcopy(learner.module.model).eval()
    x = clusters().tensors[0]
    for seen in (query.trace.sample, query.trace.look_again().picks):
        rows = x[seen.prediction.ids]
        with torch.no_grad():
            torch.testing.assert_close(seen.prediction.outputs[:, 0], model(rows).softmax(1))
            torch.testing.assert_close(seen.prediction.features, model[:2](rows))
    p = query.trace.sample.prediction.outputs[:, 0].sort(1).values
    margin = 1 - (p[:, 2] - p[:, 1])
    np.testing.assert_allclose(query.trace.scores, margin, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("selector", [al.TopK(), al.Random()])
def test_the_picks_are_those_without_any_evidence(selector):
    learner = strategy(selector)
    pool, rule = learner.train_pool, al.Entropy()
    learner.criterion = rule
    ids = torch.from_numpy(pool.unannotated_indices)
    with torch.no_grad():
        logits = copy.deepcopy(learner.module.model).eval()(clusters().tensors[0][ids])
    prediction = al.Prediction(logits, ids)
    candidates = al.Candidates(check_scores(rule, rule(prediction), prediction), prediction)
    picks = selector(candidates, 40, generator(0, "select", pool.next_round))
    assert learner.query(40).indices.tolist() == ids[picks.positions].tolist()
    state = torch.get_rng_state()
    alone = al.select(
        40, prediction=al.Prediction(logits), criterion=rule, selector=selector, round=1, seed=0
    )
    assert alone.indices.tolist() == picks.positions.tolist()
    assert torch.equal(torch.get_rng_state(), state)


def test_another_round_or_seed_sees_others():
    x = torch.zeros(1500, 2)
    seen = [
        tuple(
            al.select(
                3, embeddings=x, selector=al.Random(), seed=seed, round=round
            ).trace.sample.prediction.ids.tolist()
        )
        for seed, round in ((0, 0), (0, 1), (1, 0), (0, 0))
    ]
    assert len(set(seen)) == 3
    assert seen[0] == seen[3]


def test_looking_changes_nothing_and_sees_the_same_again():
    query = strategy().query(30)
    before, state = pickle.dumps(query), torch.get_rng_state()
    texts = {str(al.doctor(query)) for _ in range(2)}
    assert len(texts) == 1
    assert torch.equal(torch.get_rng_state(), state)
    after = pickle.loads(before)
    for seen, kept in ((query.trace.sample, after.trace.sample),):
        assert torch.equal(seen.prediction.outputs, kept.prediction.outputs)
        assert torch.equal(seen.prediction.features, kept.prediction.features)
    found = al.doctor(after)  # a file has no model that could predict the picks
    assert [f.name for f in found if f.verdict == "not seen"] == [
        "near-duplicates", "outliers", "posterior samples", "repeatable scores",
    ]  # fmt: skip
