"""A machine's labels, and its error by an audit."""

import numpy as np
import pytest
from torch import nn

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError, LabelError
from alkit.oracles import Committee, Costly, Model, Reveal
from alkit.pool.ledger import is_person


def machine(labels, error=0.2, seed=0):
    """Wrong for a share of the samples, never where it is not confident; confident for half."""
    rng = np.random.default_rng(seed)
    confidence = np.where(rng.random(600) < 0.5, 0.95, 0.6)
    wrong = rng.random(600) < error
    guesses = (labels.numpy() + (wrong & (confidence > 0.9))) % 3
    asked = []

    def predict(ids):
        asked.extend(ids.tolist())
        return guesses[ids], confidence[ids]

    return predict, guesses, confidence, asked


def test_it_answers_where_it_is_confident_and_is_asked_once(labels):
    predict, guesses, confidence, asked = machine(labels)
    model = Model(predict, confidence=0.9)
    expected = [int(y) if c > 0.9 else None for y, c in zip(guesses, confidence, strict=True)]
    assert model([5, 1, 5]) == [expected[k] for k in (5, 1, 5)]
    assert model(range(10)) == expected[:10]
    assert asked == [5, 1, 0, 2, 3, 4, 6, 7, 8, 9]
    assert model.answers[3] == (int(guesses[3]), pytest.approx(confidence[3]))
    assert len(model.answers) == 10
    assert Model(predict, confidence=0)(range(600)) == guesses.tolist()
    assert Model(predict, confidence=0.95)(range(10)) == expected[:10]  # at least


def test_the_interval_of_its_error_has_the_true_one_as_often_as_stated(labels):
    predict, guesses, confidence, _ = machine(labels)
    sure = confidence > 0.9
    true = (guesses != labels.numpy())[sure].mean()
    model, rng, held = Model(predict), np.random.default_rng(1), []
    for _ in range(200):
        audit = rng.choice(600, 80, replace=False)
        risk = model.error(audit, labels[audit], 600)
        assert risk.labels == sure[audit].sum()
        assert risk.value == pytest.approx((guesses != labels.numpy())[audit][sure[audit]].mean())
        held.append(risk.low <= true <= risk.high)
    assert 0.85 <= np.mean(held) <= 1
    everything = model.error(range(600), labels, 600)
    assert everything.low == pytest.approx(everything.high) == pytest.approx(true)


def test_samples_that_people_are_unsure_about_do_not_count(labels):
    model = Model(lambda ids: (labels[ids], np.ones(len(ids))))
    risk = model.error([0, 1, 2], [0, None, 0], 600)
    assert (risk.labels, risk.value) == (2, 0.5)
    with pytest.raises(AnnotationError, match="none of the 2 samples"):
        model.error([0, 1], [None, None], 600)
    with pytest.raises(LabelError, match="expected 2 labels"):
        model.error([0, 1], [1], 600)
    with pytest.raises(ConfigurationError, match="candidates must be"):
        model.error([0, 1], [1, 1], 1)


def test_what_is_not_labels_and_confidences_is_refused_and_not_kept():
    for wrong, message in [
        ([0, 1], "tuple"),
        (([0], [1.0]), "expected 2 labels"),
        (([0, 1], [1.0]), "expected 2 labels"),
        (([0, 1], [1.0, 1.5]), r"sample 8: a confidence is in \[0, 1\], got 1.5"),
        (([0, 1], [1.0, None]), "confidence"),
    ]:
        model = Model(lambda ids, wrong=wrong: wrong)
        with pytest.raises(LabelError, match=message):
            model([7, 8])
        assert not model.answers
    for wrong in -0.1, 1.1, "0.9", None:
        with pytest.raises(ConfigurationError, match="confidence must be"):
            Model(len, confidence=wrong)


@pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")
def test_a_ledger_never_has_its_labels_as_those_of_a_person(dataset, labels):
    predict = machine(labels)[0]
    model = Model(predict, confidence=0, name="zero-shot")
    pool = al.ActiveLearningDataset(dataset, ledger=al.pool.Ledger("labels.db", who="Ann"))
    strategy = al.Strategy(nn.Linear(2, 3), pool, al.Margin(), seed=0).build()
    oracles = [model, Costly(model, 1), Committee({"a": model, "b": model}), Reveal(dataset),
               Costly(Reveal(dataset), 1)]  # fmt: skip
    for oracle in oracles:
        strategy.query_and_update(1, oracle)
    strategy.query_and_update(1)
    pool.annotate([int(pool.unannotated_indices[0])], [0], who="Bob")
    found = [entry.who for entry in pool.ledger.entries()]
    machines = ["machine: zero-shot", "machine: zero-shot", "majority"]
    assert found == [*machines, "Ann", "Ann", "dataset", "Bob"]
    assert [is_person(who) for who in found] == [False] * 3 + [True, True, False, True]
