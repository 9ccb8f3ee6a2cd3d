"""The desk: what it acknowledged is in the ledger once, and no two people get one sample."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import Listed

from alkit.errors import AnnotationError, ConfigurationError, LabelError
from alkit.page import Answer, Desk, Question, leases
from alkit.pool.ledger import Entry, Ledger

NAMES = [f"{k}.png" for k in range(12)]


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "labels.db")


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves: add seconds to its item."""
    now = [100.0]
    monkeypatch.setattr(leases.time, "monotonic", lambda: now[0])
    return now


def desk_of(ledger, names=NAMES, **options):
    questions = Listed(names)
    questions.answered(ledger.entries())
    return Desk(ledger, ["cat", "dog"], questions, **options)


def names_of(questions):
    return [question.name for question in questions]


def give(desk, seat, name, label="cat", uid=None):
    """Answer; the reason if it is refused."""
    uid = uid or f"{seat.person} {seat.tab} {name} {label}"
    return desk.answer(seat, [Answer(Question(name, "listed"), uid, label)]).get(uid)


def test_an_answer_is_in_the_ledger_with_why_it_was_asked(ledger):
    desk = desk_of(ledger)
    ann = desk.seat("Ann", "1")
    (question,) = desk.take(ann, 1).questions
    desk.answer(ann, [Answer(question, "u1", "dog", guess_shown=True, seconds=1.5)])
    (entry,) = ledger.live()
    assert (entry.sample, entry.label, entry.who) == ("0.png", "dog", "Ann")
    assert (entry.why, entry.round, entry.score, entry.seconds) == ("listed", 1, 0.5, 1.5)
    assert entry.guess_shown is None  # there was no guess


def test_two_people_and_two_tabs_get_different_samples(ledger):
    desk = desk_of(ledger)
    seats = [desk.seat("Ann", "1"), desk.seat("Ann", "2"), desk.seat("Ben", "1")]
    offered = [names_of(desk.take(seat, 4).questions) for seat in seats]
    assert sorted(name for names in offered for name in names) == sorted(NAMES)
    assert desk.take(seats[0], 1).questions == []


def test_a_second_label_is_refused_unless_the_first_is_undone(ledger):
    desk = desk_of(ledger)
    ann, ben = desk.seat("Ann", "1"), desk.seat("Ben", "1")
    assert give(desk, ann, "0.png", uid="a") is None
    assert "answered by Ann" in give(desk, ben, "0.png")
    assert "answered by you" in give(desk, ann, "0.png", "dog")
    assert names_of(desk.undo(ann, ["a"])) == ["0.png"]
    assert give(desk, ben, "0.png", "dog") is None
    assert [entry.label for entry in ledger.live()] == ["dog"]


def test_an_answer_that_is_sent_again_changes_nothing_even_after_it_was_undone(ledger):
    desk = desk_of(ledger)
    ann = desk.seat("Ann", "1")
    for _ in range(2):
        assert give(desk, ann, "0.png", uid="a") is None
    desk.undo(ann, ["a"])
    assert give(desk, ann, "0.png", uid="a") is None
    assert ledger.live() == []
    give(desk, ann, "0.png", "dog", uid="b")
    assert give(desk, ann, "0.png", uid="a") is None
    assert [entry.label for entry in ledger.live()] == ["dog"]
    assert desk.taken == 1


def test_a_lease_ends_and_the_late_answer_is_taken_if_nobody_else_answered(ledger, clock):
    desk = desk_of(ledger, NAMES[:2], lease=60)
    ann, ben = desk.seat("Ann", "1"), desk.seat("Ben", "1")
    have = desk.take(ann, 2).questions
    clock[0] += 59
    assert desk.take(ann, 0, have[:1]).gone == []  # a page that is open renews its leases
    clock[0] += 2
    assert names_of(desk.take(ben, 2).questions) == ["1.png"]
    assert desk.take(ann, 0, have).gone == ["1.png"]
    assert give(desk, ann, "1.png") is None
    assert "answered by Ann" in give(desk, ben, "1.png")


def test_a_clock_that_goes_backwards_does_not_matter(ledger, monkeypatch):
    desk = desk_of(ledger)
    ann, ben = desk.seat("Ann", "1"), desk.seat("Ben", "1")
    offered = names_of(desk.take(ann, 3).questions)
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert not set(offered) & set(names_of(desk.take(ben, 3).questions))
    give(desk, ann, "0.png", uid="a")
    desk.undo(ann, ["a"])
    give(desk, ann, "0.png", "dog")
    assert ledger.current()["0.png"].label == "dog"


def test_released_samples_go_to_others(ledger):
    desk = desk_of(ledger, NAMES[:3])
    ann, ben = desk.seat("Ann", "1"), desk.seat("Ben", "1")
    have = desk.take(ann, 3).questions
    desk.release(ann, have[:1])
    assert names_of(desk.take(ben, 3).questions) == ["1.png", "2.png"]


def test_a_question_source_that_repeats_itself_neither_loops_nor_doubles(ledger):
    class Stubborn(Listed):
        def ask(self, n, leave_out):
            return super().ask(n + 5, ())

    desk = Desk(ledger, ["cat"], Stubborn(NAMES))
    first = names_of(desk.take(desk.seat("Ann", "1"), 4).questions)
    second = names_of(desk.take(desk.seat("Ben", "1"), 4).questions)
    assert len(first) == 4
    assert not set(first) & set(second)


def test_answers_of_another_process_are_seen(ledger):
    desk, other = desk_of(ledger), desk_of(Ledger(ledger.path))
    ann, ben = desk.seat("Ann", "1"), other.seat("Ben", "1")
    have = desk.take(ann, 2).questions
    assert give(other, ben, "0.png") is None
    assert desk.take(ann, 0, have).gone == ["0.png"]
    assert desk.facts(ann)["labeled"] == 1
    assert "answered by Ben" in give(desk, ann, "0.png")


def test_the_answer_of_a_program_does_not_refuse_that_of_a_person(ledger):
    ledger.add([Entry("0.png", label="dog", who="machine: zero-shot")])
    desk = desk_of(ledger)
    assert give(desk, desk.seat("Ann", "1"), "0.png") is None
    assert "answered by Ann" in give(desk, desk.seat("Ben", "1"), "0.png")
    assert ledger.current()["0.png"].label == "cat"


def test_only_the_own_answer_can_be_undone(ledger):
    desk = desk_of(ledger)
    give(desk, desk.seat("Ann", "1"), "0.png", uid="a")
    with pytest.raises(AnnotationError, match="Ann"):
        desk.undo(desk.seat("Ben", "1"), ["a"])
    assert desk.undo(desk.seat("Ben", "1"), ["unknown"]) == []
    assert len(ledger.live()) == 1


def test_several_votes_are_asked_of_several_people(ledger):
    desk = desk_of(ledger, NAMES[:2], votes=2)
    ann, ben, eve = (desk.seat(name, "1") for name in ("Ann", "Ben", "Eve"))
    for name in names_of(desk.take(ann, 2).questions):
        give(desk, ann, name)
    assert desk.take(ann, 2).questions == []
    (first, second) = names_of(desk.take(ben, 2).questions)
    assert desk.take(eve, 2).questions == []  # Ben has them
    give(desk, ben, first)
    desk.release(ben)
    assert names_of(desk.take(eve, 2).questions) == [second]
    assert "answered by you" in give(desk, ann, first, "dog")


def test_people_who_disagree_are_asked_once_more_also_after_a_restart(ledger):
    desk = desk_of(ledger, NAMES[:2], votes=2)
    give(desk, desk.seat("Ann", "1"), "1.png", "cat")
    give(desk, desk.seat("Ben", "1"), "1.png", "dog")
    give(desk, desk.seat("Ann", "1"), "0.png", "cat")
    desk = desk_of(ledger, NAMES[:2], votes=2)
    ann, ben = desk.seat("Ann", "1"), desk.seat("Ben", "1")
    assert names_of(desk.take(ben, 3).questions) == ["1.png", "0.png"]  # the disputed one first
    assert desk.is_disputed("1.png")
    assert not desk.is_disputed("0.png")
    assert give(desk, ben, "1.png", "dog", uid="again") is None
    assert names_of(desk.take(ann, 3).questions) == ["1.png"]
    assert give(desk, ann, "1.png", "dog") is None
    assert not desk.is_disputed("1.png")
    assert {who: vote.label for who, vote in ledger.votes()["1.png"].items()} == {
        "Ann": "dog",
        "Ben": "dog",
    }


def test_people_who_still_disagree_are_left_in_peace(ledger):
    desk = desk_of(ledger, NAMES[:1], votes=2)
    ann, ben = desk.seat("Ann", "1"), desk.seat("Ben", "1")
    for look in "12":
        give(desk, ann, "0.png", "cat", uid=f"a{look}")
        give(desk, ben, "0.png", "dog", uid=f"b{look}")
    assert desk.take(ann, 1).questions == desk.take(ben, 1).questions == []
    assert desk.is_disputed("0.png")
    desk.undo(ben, ["b2"])
    assert give(desk, ben, "0.png", "cat", uid="b3") is None
    assert not desk.is_disputed("0.png")


def test_a_late_third_vote_is_kept(ledger):
    desk = desk_of(ledger, votes=2)
    for person in ("Ann", "Ben", "Eve"):
        assert give(desk, desk.seat(person, "1"), "0.png") is None
    assert set(ledger.votes()["0.png"]) == {"Ann", "Ben", "Eve"}


def test_many_samples_of_one_guessed_class_are_confirmed_at_once(ledger):
    guesses = dict.fromkeys(NAMES[3:6], ("dog", 0.9))
    desk = Desk(ledger, ["cat", "dog"], Listed(NAMES, guesses))
    ann, ben = desk.seat("Ann", "1"), desk.seat("Ben", "1")
    found = desk.likely(ann, "dog", 24)
    assert names_of(found) == NAMES[3:6]
    assert desk.likely(ben, "dog", 24) == []
    give(desk, ben, "4.png", "cat")
    answers = [Answer(each, f"u{k}", "dog", guess_shown=True) for k, each in enumerate(found)]
    assert list(desk.answer(ann, answers)) == ["u1"]  # the others are taken
    assert [entry.guess_shown for entry in ledger.live() if entry.who == "Ann"] == [True, True]


@pytest.mark.parametrize(
    ("classes", "match"),
    [
        ([], "must be names"),
        ("glass", "must be names"),
        (["glass", " "], "must be names"),
        (["glass", 3], "must be names"),
        (["glass", "paper", "glass"], "'glass' is given twice"),
    ],
)
def test_classes_that_are_none_are_refused(ledger, classes, match):
    with pytest.raises(ConfigurationError, match=match):
        Desk(ledger, classes, Listed([]))


def test_wrong_labels_and_names_are_refused_and_nothing_is_taken(ledger):
    desk = desk_of(ledger)
    ann = desk.seat("Ann", "1")
    good, bad = Answer(Question("0.png"), "a", "cat"), Answer(Question("1.png"), "b", "catt")
    with pytest.raises(LabelError, match="Did you mean 'cat'"):
        desk.answer(ann, [good, bad])
    with pytest.raises(LabelError, match="'lazy' is not a reason"):
        desk.answer(ann, [good, Answer(Question("1.png"), "b", reason="lazy")])
    with pytest.raises(ConfigurationError, match="kept for programs"):
        desk.seat("machine: x", "1")
    assert len(ledger) == 0


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([1, 1, 2]))
def test_every_acknowledged_answer_is_in_the_ledger_once_whatever_happens(seed, votes):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        now = [0.0]
        patch.setattr(leases.time, "monotonic", lambda: now[0])
        Walk(Path(folder) / "labels.db", votes, random.Random(seed), now).run(50)


class Walk:
    """People, tabs, restarts and the clock, at random, compared with a list of what was pressed."""

    def __init__(self, path, votes, rng, now):
        self.path, self.votes, self.rng, self.now = path, votes, rng, now
        self.seats = [("Ann", "1"), ("Ann", "2"), ("Ben", "1"), ("Eve", "1")]
        self.have = {seat: [] for seat in self.seats}
        self.until = {}  # (seat, name): end of the lease that the seat was given
        self.live, self.sent = {}, []  # acknowledged answers by uid; all that were sent
        self.desk = None
        self.restart()

    def run(self, steps):
        for step in range(steps):
            seat = self.rng.choice(self.seats)
            act = self.rng.choices(
                [self.take, self.answer, self.resend, self.undo, self.wait, self.restart],
                [6, 8, 2, 2, 1, 0.5],
            )[0]
            act(*((seat, step) if act == self.answer else (seat,)))
            if self.votes == 1:
                names = [name for name, _, _ in self.live.values()]
                assert len(names) == len(set(names))
        ledger = Ledger(self.path)
        stored = {e.uid: (e.sample, e.label, e.who) for e in ledger.live()}
        assert stored == self.live
        assert len({entry.uid for entry in ledger.entries()}) == len(ledger)

    def take(self, seat):
        offer = self.desk.take(self.desk.seat(*seat), 3 - len(self.have[seat]), self.have[seat])
        kept = [each for each in self.have[seat] if each.name not in offer.gone]
        self.have[seat] = kept + offer.questions
        for question in self.have[seat]:
            name = question.name
            for other in self.seats:
                if other != seat:
                    assert self.until.get((other, name), -1) <= self.now[0], "given to two"
            self.until[seat, name] = self.now[0] + 60
            by = [who for sample, _, who in self.live.values() if sample == name]
            assert len(set(by)) < self.votes or (seat[0] in by and self.desk.is_disputed(name))
        for name in offer.gone:
            self.until.pop((seat, name), None)

    def answer(self, seat, step):
        if not self.have[seat]:
            return
        question = self.have[seat].pop(self.rng.randrange(len(self.have[seat])))
        answer = Answer(question, f"uid {step}", self.rng.choice(["cat", "dog"]))
        refused = self.desk.answer(self.desk.seat(*seat), [answer])
        self.until.pop((seat, question.name), None)
        if self.votes == 1:
            self.until = {key: end for key, end in self.until.items() if key[1] != question.name}
        if not refused:
            self.live[answer.uid] = (question.name, answer.label, seat[0])
            self.sent.append((seat, answer))
        else:
            assert any(name == question.name for name, _, _ in self.live.values())

    def resend(self, _):
        if self.sent:
            seat, answer = self.rng.choice(self.sent)
            assert self.desk.answer(self.desk.seat(*seat), [answer]) == {}

    def undo(self, seat):
        past = self.desk.past(self.desk.seat(*seat), 3)
        assert all(entry.who == seat[0] and entry.uid in self.live for entry in past)
        if past:
            again = self.desk.undo(self.desk.seat(*seat), [past[-1].uid])
            del self.live[past[-1].uid]
            for question in again:
                self.have[seat].append(question)
                self.until[seat, question.name] = self.now[0] + 60

    def wait(self, _):
        self.now[0] += self.rng.choice([10, 61])

    def restart(self, _=None):
        self.until.clear()
        self.desk = desk_of(Ledger(self.path), votes=self.votes)
