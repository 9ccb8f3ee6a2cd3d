import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError
from alkit.pool import Ledger
from alkit.pool.ledger import Entry

SAMPLES = ["a", "b", "c"]
PEOPLE = ["Ann", "Bob"]
ANSWERS = st.one_of(
    st.tuples(st.just("label"), st.one_of(st.integers(0, 3), st.sampled_from(["glass", "1"]))),
    st.tuples(st.just("reason"), st.sampled_from(["unsure", "broken"])),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(SAMPLES), st.sampled_from(PEOPLE), ANSWERS),
        st.integers(0, 30),  # undo the answer of this number
        st.just("reopen"),
    ),
    max_size=25,
)


@pytest.fixture
def ledger():
    return Ledger("labels.db", who="Ann")


def answers(ledger):
    return {key: (e.label, e.reason, e.who) for key, e in ledger.current().items()}


@given(STEPS)
def test_the_state_is_that_of_a_dict_under_any_sequence_of_answers(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("ledger") / "labels.db"
    ledger, stacks, given = Ledger(path), {key: [] for key in SAMPLES}, []
    for step in steps:
        if step == "reopen":
            ledger.close()
            ledger = Ledger(path)
        elif isinstance(step, int):
            if step < len(given):
                ledger.undo(given[step].uid)
                stacks[given[step].sample] = [
                    e for e in stacks[given[step].sample] if e.uid != given[step].uid
                ]
        else:
            sample, who, (kind, value) = step
            entry = Entry(sample, who=who, **{kind: value})
            ledger.add([entry])
            given.append(entry)
            stacks[sample].append(entry)
    expected = {key: stack[-1] for key, stack in stacks.items() if stack}
    assert ledger.current() == expected
    for key, stack in stacks.items():
        by_person = {entry.who: entry for entry in stack}
        assert ledger.votes().get(key, {}) == by_person
        assert ledger.current([key]) == ({key: stack[-1]} if stack else {})
    assert [entry.seq for entry in ledger.entries()] == list(range(1, len(ledger) + 1))
    ledger.close()


def test_every_value_of_an_entry_is_restored_exactly(ledger):
    entry = Entry(
        "photos/ä '\"=.jpg", label={"boxes": [[0.1, 2]], "ok": True, "n": None}, at=1e9 + 1e-6,
        round=3, why="Margin()", score=-0.1, guess=["x", 1], guess_shown=False, seconds=1.5,
    )  # fmt: skip
    (added,) = ledger.add([entry])
    assert added.who == "Ann"
    assert Ledger("labels.db").entries() == [added]
    kinds = [Entry("k", label=label) for label in (0, False, 0.0, "0", "", [], 2**60, [1.0, 2])]
    ledger.add(kinds)
    stored = ledger.entries(after=1)
    assert [repr(entry.label) for entry in stored] == [repr(entry.label) for entry in kinds]


def test_a_label_that_is_an_array_is_stored_as_a_list(ledger):
    ledger.add([Entry("a", label=np.array([1, 0])), Entry("b", label=np.float32(0.5))])
    assert [entry.label for entry in ledger.entries()] == [[1, 0], 0.5]


def test_an_answer_with_a_known_uid_is_not_added_again(ledger):
    entry = Entry("a", label=1)
    assert len(ledger.add([entry])) == 1
    assert ledger.add([entry, entry]) == []
    assert ledger.add([entry], once="sample") == []  # a repetition is not a second answer
    assert len(ledger) == 1
    with pytest.raises(AnnotationError, match="another entry with the uid"):
        ledger.add([Entry("c", label=1), Entry("a", label=2, uid=entry.uid)])
    assert len(ledger) == 1


def test_a_second_answer_is_refused_if_asked_for_unless_the_first_is_undone(ledger):
    ledger.add([Entry("a", label=1), Entry("b", reason="unsure")], once="sample")
    for again in (Entry("a", label=2, who="Bob"), Entry("b", label=1)):
        with pytest.raises(AnnotationError, match="already by Ann"):
            ledger.add([Entry("c", label=0), again], once="sample")
    ledger.add([Entry("a", label=2, who="Bob")], once="person")
    with pytest.raises(AnnotationError, match="already by Bob"):
        ledger.add([Entry("a", label=0, who="Bob")], once="person")
    assert answers(ledger) == {"a": (2, None, "Bob"), "b": (None, "unsure", "Ann")}
    ledger.undo(*(entry.uid for entry in ledger.live(["a"])))
    ledger.add([Entry("a", label=0)], once="sample")
    assert len(ledger.entries()) == 6


def test_undoing_brings_the_answer_before_back_and_can_be_repeated(ledger):
    first, second = ledger.add([Entry("a", label=1), Entry("a", label=2)])
    ledger.undo(second.uid)
    assert ledger.undo(second.uid) == []
    assert ledger.current()["a"] == first
    ledger.undo(first.uid)
    assert ledger.current() == {}
    assert len(ledger) == 4


def test_only_an_answer_about_the_same_sample_can_be_undone(ledger):
    (entry,) = ledger.add([Entry("a", label=1)])
    (undoing,) = ledger.undo(entry.uid)
    for wrong in (Entry("b", undoes=entry.uid), Entry("a", undoes=undoing.uid),
                  Entry("a", undoes="none")):  # fmt: skip
        with pytest.raises(AnnotationError, match="must be the uid"):
            ledger.add([wrong])
    with pytest.raises(AnnotationError, match="no entry with the uid 'x'"):
        ledger.undo("x")
    assert len(ledger) == 2


def test_the_order_is_that_of_writing_whatever_the_clock(ledger):
    ledger.add([Entry("a", label=1, at=2e9)])
    ledger.add([Entry("a", label=2, at=1e9)])
    assert ledger.current()["a"].label == 2


def test_few_and_many_samples_are_found_alike(ledger):
    keys = [f"s{k}" for k in range(1200)]
    ledger.add(Entry(key, label=k) for k, key in enumerate(keys))
    assert [e.label for e in ledger.current(keys[:1100]).values()] == list(range(1100))
    assert [e.label for e in ledger.live(keys[5:8])] == [5, 6, 7]
    assert ledger.current([]) == {}
    assert ledger.current(["none"]) == {}


def test_threads_share_a_ledger(ledger):
    def answer(name):
        for k in range(40):
            ledger.add([Entry(f"{name}{k}", label=k)])

    threads = [threading.Thread(target=answer, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.current()) == 160


def test_100_000_labels_are_taken_in_batches_in_seconds_and_single_ones_in_milliseconds(ledger):
    entries = [Entry(f"photos/{k}.jpg", label="glass", guess="paper") for k in range(100_000)]
    begin = time.process_time()
    for k in range(0, len(entries), 100):
        ledger.add(entries[k : k + 100])
    assert time.process_time() - begin < 5
    times = []
    for k in range(200):
        begin = time.perf_counter()
        ledger.add([Entry(f"x{k}", label=k)], once="sample")
        times.append(time.perf_counter() - begin)
    assert np.percentile(times, 95) < 0.05  # about 0.005 on an idle disk
    begin = time.process_time()
    assert len(ledger.current()) == 100_200
    assert time.process_time() - begin < 5


def test_facts_are_those_that_were_stored_first(ledger):
    assert ledger.agree("samples", "names") == "names"
    assert Ledger("labels.db").agree("samples", "inputs:1") == "names"


def test_wrong_arguments_are_named(ledger):
    for call, match in (
        (lambda: Ledger("x.db", who=3), "who must be"),
        (lambda: Ledger(3), "expected a path"),
        (lambda: ledger.add([("a", 1)]), "expected entries"),
        (lambda: ledger.add([Entry("a", label=1)], once="both"), "once must be"),
    ):
        with pytest.raises(ConfigurationError, match=match):
            call()
    assert ledger.add([]) == []


def test_a_ledger_can_be_closed_and_used_again(ledger):
    with ledger:
        ledger.add([Entry("a", label=1)])
    ledger.close()
    ledger.add([Entry("b", label=1)])
    assert repr(ledger).endswith("labels.db', 2 entries)")
    assert al.pool.Ledger is Ledger
