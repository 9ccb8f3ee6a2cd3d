"""Assessment: accuracy from the audit, whether choosing helps, and advice."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import alkit as al
from alkit.evidence.audit import Interval, accuracy, difference
from alkit.loop.stopping import Budget, ExpectedGain, Plateau, StablePredictions
from alkit.project.assessment import Assessment, assess


def by_hand(small, chosen_only=None):
    """Leave-one-out predictions of the audit set: right or wrong, in its order."""
    audit = small.order.prefix(small.pool.annotated_indices, [*small.pool.excluded]).samples
    right = []
    for index in audit:
        train = [k for k in small.pool.annotated_indices if k != index]
        model = LogisticRegression(C=1.0, max_iter=300).fit(small.x[train], small.y[train])
        right.append(model.predict(small.x[[index]])[0] == small.y[index])
    return audit, np.array(right)


def test_the_accuracy_is_that_of_models_without_the_sample(small):
    small.label(40)
    audit, right = by_hand(small)
    found = assess(small.asking, folds=100)
    assert found.accuracy == accuracy(right)
    assert len(audit) >= 8
    for number, name in enumerate(small.pool.classes):
        mine = small.y[audit] == number
        recall = found.recalls[name]
        assert recall.n == mine.sum()
        if recall.n:
            assert recall.value == pytest.approx(right[mine].mean())
    assert [record.annotated for record in found.records] == [20, 40]
    assert found.records[-1].metrics["accuracy"] == found.accuracy.value


def test_nothing_is_known_before_there_are_labels(small):
    found = assess(small.asking)
    assert not found.accuracy.known
    assert found.choosing is None
    assert found.records == ()
    assert str(found) == (
        "accuracy not known yet (0 of at least 5 audit labels)\n"
        "go on: the accuracy is not known yet"
    )
    small.label(10)
    assert "not known yet (2 of at least 5" in str(assess(small.asking))


def test_broken_and_unsure_audit_samples_are_counted(small):
    small.pool.exclude(small.order.samples[:2], "unsure")
    small.label(20)
    found = assess(small.asking)
    assert found.passed_over == 2
    assert found.accuracy.n >= 4


def test_an_assessment_changes_nothing_and_is_the_same_again(small):
    small.label(40)
    before = small.asking.batch(10)
    first = assess(small.asking)
    assert assess(small.asking) == first
    assert small.asking.batch(10) == before


def test_chosen_and_random_labels_are_compared_in_equal_number(make):
    small = make(n=300)
    small.label(100)
    found = assess(small.asking)
    audit = small.order.prefix(small.pool.annotated_indices).samples.tolist()
    chosen = [k for k, why in small.asking.whys.items() if not why.startswith("audit")]
    m = len(audit)
    size = m - int(np.ceil(m / 10))
    assert found.labels_compared == size
    right = []
    for labels in (chosen, audit):
        hits = np.zeros(m, dtype=bool)
        for fold in range(10):
            rows = audit[fold::10]
            train = [k for k in labels if k not in rows][:size]
            model = LogisticRegression(C=1.0, max_iter=300).fit(small.x[train], small.y[train])
            hits[fold::10] = model.predict(small.x[rows]) == small.y[rows]
        right.append(hits)
    assert found.choosing == difference(*right)


def test_choosing_that_picks_near_copies_is_found_to_do_harm(make):
    """A rule that asks about one class only, against random labels."""

    class OneClass(al.criteria.Criterion):
        def score(self, prediction):
            return prediction.mean_probabilities[:, 0]

    def narrow(pool):
        return al.Strategy(al.Estimator(LogisticRegression(), 3), pool, OneClass(), seed=0).build()

    small = make(n=900, strategy=narrow, share=0.5)
    for index in (int(np.flatnonzero(small.y == k)[0]) for k in range(3)):
        small.pool.annotate([index], [small.pool.classes[small.y[index]]])
    small.asking.fit()
    small.label(120, step=20)
    found = assess(small.asking)
    assert found.choosing.high < 0
    assert found.choosing_in_words.startswith("choosing does harm here, ask at random")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.2, "choosing helps here"), (-0.1, 0.2, "it is not clear yet if choosing helps")],
)
def test_the_comparison_is_put_into_words(low, high, words):
    gain = Interval(0.1, low, high, 30)
    made = Assessment(accuracy([True] * 30), {}, gain, 27, (), (), 0, 0.9, "")
    assert made.choosing_in_words == (
        f"{words}: with 27 chosen labels, the accuracy differs by +0.10 ({low:+.2f} to {high:+.2f})"
        " from that with as many random ones"
    )


def test_criteria_of_the_user_stop_with_their_reasons(small):
    small.label(40)
    found = assess(small.asking, stop=[Budget(40), Budget(41), StablePredictions(0.01, rounds=1)])
    assert found.reasons[0] == "40 of 40 labels are used"
    assert found.reasons[1].startswith("the predictions of the last 2 models agree")
    assert found.advice.startswith("worth stopping: 40 of 40 labels are used; the predictions")
    assert assess(small.asking, stop=Budget(100)).reasons == ()
    same = Plateau(), ExpectedGain(1e-4)
    assert assess(small.asking, stop=same).advice.startswith("go on")  # too few rounds


def test_a_network_is_assessed_by_what_it_said_before_the_labels_came(make):
    def network(pool):
        torch.manual_seed(0)
        return al.Strategy(nn.Linear(4, 3), pool, seed=1).build()

    small = make(strategy=network, training={"max_steps": 30})
    small.label(60)
    found = assess(small.asking)
    audit = small.order.prefix(small.pool.annotated_indices).samples.tolist()
    place = {index: k for k, index in enumerate(small.asking.whys)}
    known = sorted((k for k in audit if k in small.asking.guessed), key=place.get)
    later = known[len(known) // 2 :]
    right = [small.asking.guessed[k] == small.pool.classes[small.y[k]] for k in later]
    assert found.accuracy == accuracy(right)
    assert (found.choosing, found.records) == (None, ())
    assert "when it was asked" in found.how
