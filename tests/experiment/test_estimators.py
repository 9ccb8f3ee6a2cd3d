"""Scikit-learn classifiers in a loop and in a comparison, beside networks."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from small import DATA, TEST, compare, lasting, margin

import alkit as al
from alkit.experiment.states import StateFiles
from alkit.experiment.trial import Plan, Trial

QUIET = {"enable_progress_bar": False}


def logistic(pool, seed):
    return al.Strategy(al.Estimator(LogisticRegression()), pool, al.Margin(), test=TEST, seed=seed)


def stronger(pool, seed):
    model = al.Estimator(LogisticRegression(C=9))
    return al.Strategy(model, pool, al.Margin(), test=TEST, seed=seed)


def forest(pool, seed):
    model = al.Estimator(RandomForestClassifier(5))
    return al.UniformStrategy(model, pool, test=TEST, seed=seed)


def test_a_classifier_is_compared_with_a_network_by_scikit_learns_own_accuracy():
    result = compare({"logistic": logistic, "network": margin, "uniform": forest}, ceiling=4)
    x, y = (tensor.numpy() for tensor in DATA.tensors)
    a, b = (tensor.numpy() for tensor in TEST.tensors)
    for seed in (3, 4):
        pool = al.ActiveLearningDataset(DATA)
        rows = [r for r in result.rows if (r["strategy"], r["seed"]) == ("logistic", seed)]
        first = Trial("logistic", seed, logistic, DATA, Plan(3, 6, 6, 4)).begin().train_pool
        pool.annotate(first.annotated_indices)
        for row in rows:
            known = pool.annotated_indices
            model = LogisticRegression().fit(x[known], y[known])
            assert row["testMulticlassAccuracy"] == pytest.approx(model.score(a, b))
            assert row["steps"] == 0
            top = np.sort(model.predict_proba(x[pool.unannotated_indices]), 1)
            wanted = np.argsort(top[:, -1] - top[:, -2] if top.shape[1] > 1 else top[:, 0])
            if row["picked"]:
                assert row["picked"] == pool.unannotated_indices[wanted[:6]].tolist()
                pool.annotate(row["picked"])

    assert len(result.summary()) == 3


def test_a_network_without_an_accuracy_is_compared_by_its_loss(tmp_path):
    def bare(pool, seed):
        return al.Strategy(al.MultiLayerPerceptron(4, [8], 3), pool, test=TEST, seed=seed)

    arms = {"logistic": logistic, "uniform": forest, "bare": bare}
    result = compare(arms, rounds=1, folder=tmp_path / "run")
    for found in (result, al.load(tmp_path / "run")):
        assert found.metric == "test_loss_epoch"
        assert len(found.summary()) == 3


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_comparison_in_a_folder_is_the_same_and_its_report_is_written(tmp_path, warm_start):
    arms = {"logistic": logistic, "uniform": forest}
    rows = compare(arms, warm_start=warm_start).rows
    saved = compare(arms, warm_start=warm_start, folder=tmp_path / "run")
    assert lasting(saved.rows) == lasting(rows)
    assert lasting(al.load(tmp_path / "run").rows) == lasting(rows)
    saved.report(tmp_path / "report.html")


@pytest.mark.parametrize("factory", [logistic, forest])
@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("stop", [0, 1, 2])
def test_from_any_state_on_disk_a_trial_goes_on_as_if_never_stopped(
    tmp_path, factory, warm_start, stop
):
    def trial():
        return Trial("a", 5, factory, DATA, Plan(3, 6, 8, 4, warm_start)).run()

    states, files = [], StateFiles(tmp_path)
    for state in trial():
        states.append(state)
        if len(states) <= stop + 1:
            files.write(state)
    found = StateFiles(tmp_path).read()
    *_, last = Trial("a", 5, factory, DATA, Plan(3, 6, 8, 4, warm_start)).run(found)
    assert lasting(last.rows) == lasting(states[-1].rows)


def test_classifiers_of_other_settings_are_other_strategies():
    looks = [
        compare({"a": arm, "uniform": forest}, rounds=1).protocol for arm in (logistic, stronger)
    ]
    assert looks[0]["made"]["a"] != looks[1]["made"]["a"]
    assert "LogisticRegression(C=9)" in looks[1]["made"]["a"]


def test_a_loop_needs_no_budget_and_equals_the_loop_by_hand():
    def begin():
        pool = al.ActiveLearningDataset(DATA)
        pool.annotate_random(8, seed=0)
        return forest(pool, 3)

    strategy, other = begin(), begin()
    for record in al.ActiveLearningLoop(strategy, query_size=6, rounds=3):
        other.fit(**QUIET)
        assert record.metrics == other.test()
        assert list(record.query) == list(other.query_and_update(6))
        other.reset_model()
