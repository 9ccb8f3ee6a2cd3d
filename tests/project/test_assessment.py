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


def audited(small):
    """Audit samples in the later half of the labels, with their places."""
    whys = list(small.asking.whys.items())
    half = len(whys) // 2
    return [(k, i) for k, (i, why) in enumerate(whys) if k >= half and why.startswith("audit")]


def fitted(small, ids):
    return LogisticRegression(C=1.0, max_iter=300).fit(small.x[ids], small.y[ids])


def test_the_accuracy_is_that_of_models_of_the_labels_before(small):
    small.label(40)
    order = list(small.asking.whys)
    rows = audited(small)
    said = [fitted(small, order[: k // 5 * 5]).predict(small.x[[i]])[0] for k, i in rows]
    y = small.y[[i for _, i in rows]]
    found = assess(small.asking)
    assert len(rows) == 4
    assert found.accuracy == accuracy(np.array(said) == y)
    for number, name in enumerate(small.pool.classes):
        assert found.recalls[name].n == (y == number).sum()
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
    assert "not known yet (1 of at least 5" in str(assess(small.asking))


def test_audit_samples_that_were_left_out_are_counted(small):
    small.label(20)
    batch = small.asking.batch(10)
    small.asking.note({choice.index: choice.why for choice in batch})
    small.pool.exclude([choice.index for choice in batch], "unsure")
    found = assess(small.asking)
    assert found.passed_over == 2


def test_an_assessment_changes_nothing_and_is_the_same_again(small):
    small.label(40)
    before = small.asking.batch(10)
    first = assess(small.asking)
    assert assess(small.asking) == first
    assert small.asking.batch(10) == before


def test_chosen_and_random_labels_are_compared_in_equal_number(make):
    small = make(n=300)
    small.label(100)
    whys = list(small.asking.whys.items())
    right = [[], []]
    for k, index in audited(small):
        before = whys[: k // 5 * 5]
        drawn = [i for i, why in before if why.startswith("audit")]
        chosen = [i for i, why in before if not why.startswith("audit")]
        for labels, hits in zip((chosen[: len(drawn)], drawn), right, strict=True):
            hits.append(fitted(small, labels).predict(small.x[[index]])[0] == small.y[index])
    found = assess(small.asking)
    assert found.choosing == difference(*right)
    assert found.labels_compared == 19


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
    made = Assessment(accuracy([True] * 30), {}, gain, 27, (), (), 0, 0.9)
    assert made.choosing_in_words == (
        f"{words}: with up to 27 chosen labels, the accuracy differs by +0.10 ({low:+.2f} to "
        f"{high:+.2f}) from that with as many random ones"
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
    guessed, names = small.asking.guessed, small.pool.classes
    assert found.accuracy == accuracy([guessed[i] == names[small.y[i]] for _, i in audited(small)])
    assert found.accuracy.n == 6
    assert (found.choosing, found.records) == (None, ())
