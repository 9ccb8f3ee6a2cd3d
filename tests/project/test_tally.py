from hypothesis import given
from hypothesis import strategies as st

from alkit.pool.ledger import Entry, Ledger
from alkit.project.tally import Tally


def numbered(*entries):
    return [entry.having(seq=k + 1) for k, entry in enumerate(entries)]


def test_states_are_counted_and_names_that_are_not_samples_are_not():
    a, b = Entry("a", label="cat"), Entry("b", reason="unsure")
    tally = Tally(["a", "b", "c"], numbered(a, b, Entry("gone", label="cat")))
    assert (tally.labeled, tally.reasons, tally.total) == (1, {"unsure": 1}, 3)
    assert tally.labels == {"cat": 1}


def test_an_answer_that_is_undone_gives_way_to_the_one_before():
    first, second = Entry("a", label="cat"), Entry("a", reason="broken")
    entries = numbered(first, second, Entry("a", undoes=second.uid), Entry("a", undoes=first.uid))
    tally = Tally("a", entries[:2])
    assert (tally.labeled, tally.reasons) == (0, {"broken": 1})
    tally.take(entries[2:3])
    assert (tally.labeled, tally.reasons) == (1, {})
    tally.take(entries)  # known already but the last
    assert (tally.labeled, tally.reasons) == (0, {})


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None, "undo"]))))
def test_counts_are_those_of_the_ledger(tmp_path_factory, steps):
    with Ledger(tmp_path_factory.mktemp("l") / "l.db") as ledger:
        tally = Tally("abc")
        for sample, what in steps:
            current = ledger.current([sample]).get(sample)
            if what == "undo":
                if current:
                    ledger.undo(current.uid)
            else:
                reason = "unsure" if what is None else None
                ledger.add([Entry(sample, label=what, reason=reason)])
            tally.take(ledger.entries())
        now = ledger.current().values()
    assert tally.labeled == sum(entry.reason is None for entry in now)
    assert sum(tally.reasons.values()) == sum(entry.reason is not None for entry in now)
