"""Votes of people in a ledger, against counts by hand and by brute force."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alkit.errors import ConfigurationError
from alkit.oracles import Votes, krippendorff_alpha, settle
from alkit.pool import Ledger
from alkit.pool.ledger import Entry, is_person

MACHINES = ["machine: zero-shot", "dataset", "majority", "dawid-skene"]


@pytest.fixture
def ledger():
    return Ledger("labels.db")


def say(ledger, who, *answers):
    """Answers such as "a=glass"; with a question mark, a reason."""
    for answer in answers:
        sample, _, label = answer.partition("=")
        kind = {"reason": label[1:]} if label[0] == "?" else {"label": label}
        ledger.add([Entry(sample, who=who, **kind)])


def parts(votes):
    return votes.missing, votes.agreed, votes.again, votes.disputed, votes.settled


def test_a_disagreement_is_shown_again_to_both_and_then_settled(ledger):
    say(ledger, "Ann", "a=glass", "b=glass", "c=paper", "d=metal")
    say(ledger, "Bob", "a=glass", "b=paper", "c=metal")
    assert parts(Votes(ledger)) == (
        {"d": 1}, ["a"], {"b": ["Ann", "Bob"], "c": ["Ann", "Bob"]}, [], [],
    )  # fmt: skip
    assert settle(ledger).added == []
    say(ledger, "Bob", "b=glass")  # gives in
    say(ledger, "Bob", "c=metal")  # stays
    assert parts(Votes(ledger)) == ({"d": 1}, ["a", "b"], {"c": ["Ann"]}, [], [])
    say(ledger, "Ann", "c=paper")
    assert parts(Votes(ledger)) == ({"d": 1}, ["a", "b"], {}, ["c"], [])
    done = settle(ledger)
    assert (done.added, done.open) == ([], ["c"])  # a tie
    say(ledger, "Eve", "c=metal")
    assert Votes(ledger).again == {"c": ["Eve"]}
    say(ledger, "Eve", "c=metal")
    (entry,) = settle(ledger).added
    assert (entry.label, entry.who, entry.why) == ("metal", "majority", "majority of 3 people")
    assert parts(Votes(ledger)) == ({"d": 1}, ["a", "b"], {}, [], ["c"])
    assert ledger.current()["c"] == entry
    assert settle(ledger).added == settle(ledger, "dawid-skene").added == []
    say(ledger, "Ann", "c=glass")
    assert ledger.current()["c"].label == "glass"  # a person's later answer counts
    assert settle(ledger).added == []
    ledger.undo(entry.uid)
    assert Votes(ledger).disputed == ["c"]


def test_a_correction_before_the_other_s_answer_is_not_a_second_look(ledger):
    say(ledger, "Ann", "a=glass", "a=paper")
    say(ledger, "Bob", "a=metal")
    assert Votes(ledger).again == {"a": ["Ann", "Bob"]}
    say(ledger, "Bob", "a=metal")
    ledger.undo(ledger.live(["a"])[-1].uid)  # taken back: asked again
    assert Votes(ledger).again == {"a": ["Ann", "Bob"]}


def test_a_reason_is_an_answer_like_a_label(ledger):
    say(ledger, "Ann", "a=?broken", "b=?unsure", "b=?unsure")
    say(ledger, "Bob", "a=?broken", "b=glass", "b=glass")
    say(ledger, "Eve", "b=?unsure", "b=?unsure")
    say(ledger, "Ann", "b=?unsure")
    votes = Votes(ledger)
    assert (votes.agreed, votes.disputed) == (["a"], ["b"])
    (entry,) = settle(ledger).added
    assert (entry.label, entry.reason) == (None, "unsure")


def test_labels_of_any_kind_are_compared_by_value(ledger):
    boxes = [{"x": [0, 1.5], "c": "cat"}, {"c": "cat", "x": [0, 1.5]}]
    for who, box, number in zip(("Ann", "Bob"), boxes, (1, True), strict=True):
        ledger.add([Entry("a", label=box, who=who), Entry("b", label=number, who=who)])
    votes = Votes(ledger)
    assert (votes.agreed, list(votes.again)) == (["a"], ["b"])


def test_dawid_and_skene_weight_reliable_people(ledger):
    truth = ["glass", "paper"] * 20
    for k, label in enumerate(truth):
        other = truth[k - 1]
        for who in ("Ann", "Bob"):
            say(ledger, who, f"s{k}={label}")
        for who in ("Cis", "Dan", "Eve") if k >= 36 else ("Cis",):  # answers by a coin
            say(ledger, who, f"s{k}={other if k % 4 else label}")
    for _ in range(2):
        for k in range(40):
            for who in ("Ann", "Bob", "Cis", "Dan", "Eve") if k >= 36 else ("Ann", "Bob", "Cis"):
                say(ledger, who, f"s{k}={ledger.votes([f's{k}'])[f's{k}'][who].label}")
    chosen = {entry.sample: entry.label for entry in settle(ledger, "dawid-skene").added}
    assert len(chosen) == 30
    assert chosen == {name: truth[int(name[1:])] for name in chosen}
    assert set(Votes(ledger).settled) == set(chosen)


NAMES, PEOPLE, LABELS = "ab", ["Ann", "Bob", "Eve"], ["glass", "paper", "?unsure"]
STEP = st.tuples(st.sampled_from(NAMES), st.sampled_from(PEOPLE), st.sampled_from(LABELS))


@settings(deadline=None, max_examples=40)
@given(st.lists(STEP, max_size=14), st.integers(1, 3), st.data())
def test_every_sample_is_in_one_part_and_programs_never_count(
    tmp_path_factory, steps, wanted, data
):
    ledger = Ledger(tmp_path_factory.mktemp("votes") / "labels.db")
    for sample, who, label in steps:
        say(ledger, who, f"{sample}={label}")
        if data.draw(st.booleans()):
            say(ledger, data.draw(st.sampled_from(MACHINES[:2])), f"{sample}=metal")
    votes = Votes(ledger, wanted)
    parted = [name for part in parts(votes) for name in part]
    assert sorted(parted) == sorted({sample for sample, _, _ in steps})
    last = {(sample, who): label for sample, who, label in steps}
    for name in parted:
        told = [label for (sample, _), label in last.items() if sample == name]
        assert votes.missing.get(name, 0) == max(0, wanted - len(told))
        if len(told) >= wanted:
            assert (name in votes.agreed) == (len(set(told)) == 1)
        assert parts(Votes(ledger, wanted, [name])) == tuple(
            {k: v for k, v in part.items() if k == name} if isinstance(part, dict)
            else [k for k in part if k == name]
            for part in parts(votes)
        )  # fmt: skip
        for who in votes.again.get(name, ()):  # once is enough, with the same answer
            say(ledger, who, f"{name}={last[name, who]}")
    again = Votes(ledger, wanted)
    assert sorted(again.disputed) == sorted([*votes.disputed, *votes.again])
    done = settle(ledger, wanted=wanted)
    for entry in done.added:
        told = Counter(label for (sample, _), label in last.items() if sample == entry.sample)
        (best, count), *others = told.most_common()
        assert all(count > other for _, other in others)
        assert best in (entry.label, f"?{entry.reason}")
        assert ledger.current()[entry.sample] == entry
    assert {e.sample for e in done.added} | set(done.open) == set(again.disputed)
    assert Votes(ledger, wanted).disputed == done.open
    ledger.close()


def test_agreement_is_that_of_the_answers_before_the_second_look(ledger):
    say(ledger, "Ann", "a=x", "b=x", "c=y", "c=z", "d=y", "e=x")
    say(ledger, "Bob", "a=x", "b=y", "c=z", "d=y", "e=?unsure", "f=x")
    rows = [(name, who, label) for who, told in (("Ann", "xxzy"), ("Bob", "xyzy"))
            for name, label in zip("abcd", told, strict=True)]  # fmt: skip
    before = Votes(ledger).alpha
    assert before == pytest.approx(krippendorff_alpha(rows))
    say(ledger, "Bob", "b=x")
    say(ledger, "Ann", "b=x")
    say(ledger, "machine: m", "a=z", "b=z")
    assert Votes(ledger).alpha == before
    assert f"alpha {before:.2f}" in repr(Votes(ledger))


def test_without_people_there_is_nothing(ledger):
    for who in MACHINES:
        assert not is_person(who)
        say(ledger, who, "a=glass")
    assert is_person("")
    assert parts(Votes(ledger)) == ({}, [], {}, [], [])
    assert math.isnan(Votes(ledger).alpha)
    assert repr(Votes(ledger)) == "Votes(0 missing, 0 agreed, 0 again, 0 disputed, 0 settled)"


def test_wrong_arguments_are_named(ledger):
    with pytest.raises(ConfigurationError, match="rule must be"):
        settle(ledger, "first")
    with pytest.raises(ConfigurationError, match="wanted"):
        Votes(ledger, 0)
