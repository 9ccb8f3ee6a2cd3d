"""Names of samples that change, against a dict, and with kills in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alkit.errors import AnnotationError
from alkit.pool import Ledger
from alkit.pool.ledger import Entry

NAMES = "abcde"
ANSWERS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(["Ann", "Bob", ""]),
        st.sampled_from(["glass", "paper", None]),
        st.booleans(),  # undone
    ),
    max_size=12,
)
MOVES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(NAMES + "f"), max_size=5)


def told(entry):
    """All that an entry says, except its sample, uid and place."""
    return {k: v for k, v in entry.__dict__.items() if k not in ("sample", "uid", "seq")}


def by_sample(ledger):
    live = {}
    for entry in ledger.live():
        live.setdefault(entry.sample, []).append(told(entry))
    return live


@settings(deadline=None, max_examples=50)
@given(ANSWERS, st.lists(MOVES, max_size=3))
def test_samples_have_their_answers_under_their_new_names(tmp_path_factory, answers, moves):
    ledger, live = Ledger(tmp_path_factory.mktemp("moves") / "labels.db"), {}
    for k, (sample, who, label, undone) in enumerate(answers):
        kind = {"reason": "unsure"} if label is None else {"label": label}
        more = {"at": 1.5 * k, "round": k, "why": "x", "score": 0.1, "guess": "metal"}
        entry = Entry(sample, **kind, who=who, seconds=2.0, guess_shown=False, **more)
        ledger.add([entry])
        if undone:
            ledger.undo(entry.uid)
        else:
            live.setdefault(sample, []).append(told(entry))
    for mapping in moves:
        mapping = {old: new for old, new in mapping.items() if old in live}
        names = [mapping.get(name, name) for name in live]
        before = ledger.entries()
        if len(set(names)) < len(names):
            with pytest.raises(AnnotationError):
                ledger.move(mapping)
            assert ledger.entries() == before
            continue
        new = ledger.move(mapping)
        assert ledger.entries()[: len(before)] == before  # nothing is changed or deleted
        assert [e.seq for e in new] == [e.seq for e in ledger.live() if e.seq > len(before)]
        live = dict(zip(names, live.values(), strict=True))
        assert by_sample(ledger) == live
    ledger.close()


def test_names_are_exchanged_and_come_back():
    ledger = Ledger("labels.db", who="Ann")
    ledger.add([Entry("a", label=1), Entry("a", label=2, who="Bob"), Entry("b", label=3)])
    for labels in ({"a": 3, "b": 2}, {"a": 2, "b": 3}) * 3:
        ledger.move({"a": "b", "b": "a"})
        assert {name: e.label for name, e in ledger.current().items()} == labels
    assert {who: e.label for who, e in ledger.votes()["a"].items()} == {"Ann": 1, "Bob": 2}
    undone = [e for e in ledger.entries() if e.undoes]
    assert {(e.who, e.why) for e in undone} == {("Ann", "moved to a"), ("Ann", "moved to b")}


def test_a_move_that_is_repeated_changes_nothing():
    ledger = Ledger("labels.db")
    ledger.add([Entry("a", label=1)])
    assert len(ledger.move({"a": "b", "unknown": "c", "b": "b"})) == 1
    assert ledger.move({"a": "b", "unknown": "c"}) == []
    assert len(ledger) == 3


def test_two_samples_never_become_one():
    ledger = Ledger("labels.db")
    ledger.add([Entry(name, label=1) for name in "abc"])
    for mapping, match in (
        ({"a": "x", "b": "x"}, "'a' and 'b' cannot both become 'x'"),
        ({"b": "x", "a": "c"}, "'a' cannot become 'c', which has answers"),
    ):
        with pytest.raises(AnnotationError, match=match):
            ledger.move(mapping)
    assert len(ledger) == 3


def test_an_answer_that_is_sent_again_after_a_move_is_not_added_again():
    ledger, answer = Ledger("labels.db"), Entry("a", label=1)
    ledger.add([answer])
    ledger.move({"a": "b"})
    assert ledger.add([answer], once="sample") == []
    assert list(ledger.current()) == ["b"]


def test_an_answer_is_undone_by_its_first_uid_wherever_it_was_moved():
    ledger, answer = Ledger("labels.db"), Entry("a", label=1)
    ledger.add([answer, Entry("b", label=2)])
    for _ in range(3):
        ledger.move({"a": "b", "b": "a"})
    (undone,) = ledger.undo(answer.uid)
    assert (undone.sample, list(ledger.current())) == ("b", ["a"])
    assert ledger.undo(answer.uid) == []
    assert ledger.move({"b": "c"}) == []


KILLED = """
import sys
from alkit.pool.ledger import Ledger
ledger = Ledger(sys.argv[1])
print("open", flush=True)
for k in range(1000):
    ledger.move({f"{k % 2} {i}": f"{1 - k % 2} {i}" for i in range(300)})
"""


def test_a_kill_in_the_middle_leaves_all_or_none(tmp_path):
    path = tmp_path / "labels.db"
    for number in range(4):
        path = tmp_path / f"{number}.db"
        Ledger(path).add(Entry(f"0 {i}", label=i) for i in range(300))
        worker = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3],
        )  # fmt: skip
        assert worker.stdout.readline() == "open\n"
        time.sleep(0.02 + 0.05 * number)
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate()
        with Ledger(path) as ledger:
            found = {name: entry.label for name, entry in ledger.current().items()}
            side = next(iter(found))[0]
            assert found == {f"{side} {i}": i for i in range(300)}
            assert (len(ledger) - 300) % 600 == 0


def test_a_block_is_one_transaction_all_or_none():
    ledger, other, seen = Ledger("labels.db"), Ledger("labels.db"), []

    def interrupted():
        with ledger.transaction():
            ledger.add([Entry("a", label=1)])
            ledger.undo(*(entry.uid for entry in ledger.live(["a"])))
            seen.append(len(ledger))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (seen, len(ledger)) == ([2], 0)
    with ledger.transaction():
        ledger.add([Entry("a", label=1)])
        with pytest.raises(AnnotationError):
            ledger.add([Entry("b", label=1), Entry("a", label=2)], once="sample")
        assert (len(ledger), len(other)) == (1, 0)  # not yet for others
    assert len(other) == 1
