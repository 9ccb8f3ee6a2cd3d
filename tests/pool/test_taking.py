import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import ConfigurationError, LabelError, LabelFileError, LedgerError
from alkit.pool import Ledger
from alkit.pool.ledger import Entry

N = 50
NAMES = [f"photos/{k}.jpg" for k in range(N)]
CLASSES = ["glass", "paper", "metal"]


def opened(**options):
    return al.ActiveLearningDataset(
        torch.zeros(N, 2), **{"names": NAMES, "classes": CLASSES, **options}
    )


def write(rows, columns="name,label", path="round.csv"):
    with open(path, "w") as file:
        file.write("\n".join([columns, *rows]) + "\n")
    return path


def lines(taken):
    return [int(text.split("line ")[1].split(":")[0]) for text in taken.refused]


def test_the_good_rows_are_taken_and_the_three_bad_ones_reported_by_line():
    rows = [f"{name},{CLASSES[k % 3]}" for k, name in enumerate(NAMES)]
    rows[7] = "photos/7.jpg,glas"
    rows[20] = "photo/20.jpg,glass"
    rows[33] = "photos/33.jpg,glass,paper"
    pool = opened(ledger="labels.db")
    taken = pool.take(write(rows))
    good = [k for k in range(N) if k not in (7, 20, 33)]
    assert taken.annotated.tolist() == pool.annotated_indices.tolist() == good
    assert pool.labels_of(good) == [k % 3 for k in good]
    assert lines(taken) == [9, 22, 35]
    first, second, third = taken.refused
    assert first.startswith("round.csv, line 9: sample 7 ('photos/7.jpg'): expected one of the 3")
    assert "got 'glas'" in first
    assert "did you mean 'glass'?" in first.lower()
    assert "no sample of the pool has the name 'photo/20.jpg'. Did you mean" in second
    assert "3 cells for 2 columns" in third
    assert str(taken).splitlines()[0] == "47 annotated, 3 refused:"
    again = pool.take(write(rows))
    assert (len(again.annotated), again.known, lines(again)) == (0, 47, [9, 22, 35])
    assert len(pool.ledger) == 47


BAD = {
    "a class that there is not": ("3,wood", "expected one of the 3 classes"),
    "the number of no class": ("3,7", "from 0 to 2, got 7"),
    "no such name": ("x,glass", "no sample of the pool has the name"),
    "an annotated sample": ("0,paper", "is annotated as 'glass', and the row has 'paper': use"),
    "a reason for an annotated sample": ("0,,unsure", "is annotated as 'glass', and the row has"),
    "an excluded sample": ("1,glass", "is excluded .broken.; use include"),
    "another reason": ("1,,unsure", "is excluded .broken.; use include"),
    "a sample that is not of the pool": ("40,glass", "is not of this pool"),
    "a label and a reason": ("3,glass,unsure", "or a reason to leave the sample out, got both"),
    "too many cells": ("3,glass,,x", "4 cells for 3 columns"),
}


@pytest.mark.parametrize("kind", BAD)
def test_each_kind_of_bad_row_is_refused_alone(kind):
    row, match = BAD[kind]
    pool = opened(among=range(40))
    pool.annotate([0, 2], ["glass", "glass"])
    pool.exclude([1, 4], "broken")
    named = [text if text[0] == "x" else f"photos/{text.replace(',', '.jpg,', 1)}"
             for text in ("10,glass", row, "11,,unsure", "2,glass", "4,,broken", "5,")]  # fmt: skip
    taken = pool.take(write(named, "name,label,reason"))
    assert (taken.annotated.tolist(), taken.excluded.tolist()) == ([10], [11])
    assert (taken.known, taken.skipped, lines(taken)) == (2, 1, [3])
    assert re.search(match, taken.refused[0])
    assert pool.excluded == {1: "broken", 4: "broken", 11: "unsure"}
    assert pool.labels_of([0, 10]) == [0, 0]


def test_rows_of_one_sample_that_differ_are_all_refused_and_equal_ones_taken_once():
    rows = ["photos/1.jpg,glass", "photos/2.jpg,paper", "photos/1.jpg,metal", "photos/2.jpg,1",
            "photos/3.jpg,glass", "photos/3.jpg,,unsure", "photos/4.jpg,,unsure"]  # fmt: skip
    pool = opened()
    taken = pool.take(write(rows, "name,label,reason"))
    assert (taken.annotated.tolist(), taken.excluded.tolist()) == ([2], [4])
    assert taken.known == 1
    assert lines(taken) == [2, 4, 6, 7]
    assert "line 2: sample 1 ('photos/1.jpg') has another answer in line 4." in taken.refused[0]


def test_rows_before_a_quote_that_is_not_closed_are_taken():
    rows = [f"{name},glass,fine" for name in NAMES]
    rows[30] = 'photos/30.jpg,"glass,oh'
    pool = opened()
    taken = pool.take(write(rows, "name,label,note"))
    assert taken.annotated.tolist() == list(range(30))
    assert lines(taken) == [32]
    assert taken.refused[0].endswith("The rows from there on were not read.")


def test_a_file_that_cannot_be_read_changes_nothing():
    pool = opened()
    with pytest.raises(ConfigurationError, match="expected a path"):
        pool.take(3)
    with pytest.raises(LabelFileError, match="there is no file"):
        pool.take("none.csv")
    with open("a.csv", "wb") as file:
        file.write(b"name,label\nphotos/1.jpg,glass\nphotos/2.jpg,\xff\n")
    with pytest.raises(LabelError, match="not UTF-8"):
        pool.take("a.csv")
    with pytest.raises(LabelError, match="needs the columns label"):
        pool.take(write([], "name,answer"))
    assert pool.get_num_annotated() == 0
    taken = pool.take(write([]))
    assert (str(taken), taken.refused) == ("no rows", [])


@pytest.mark.parametrize("classes", [None, ["1", "2", "3"]])
def test_the_kind_of_most_labels_is_that_of_a_new_pool(classes):
    rows = ["4,1.5", "5,2", "6,3", "7,"]
    if classes:
        taken = opened(names=None, classes=classes).take(write(rows, "id,label"))
        assert lines(taken) == [2]
        assert taken.annotated.tolist() == [5, 6]
    pool = opened(names=None, classes=None)
    assert pool.take(write(rows, "id,label")).annotated.tolist() == [4, 5, 6]
    assert pool.labels_of([4, 5, 6]) == [1.5, 2.0, 3.0]
    pool = opened(names=None, classes=None)
    pool.annotate([0], [1])
    taken = pool.take(write(["4,cat", "5,2"], "id,label"))
    assert (taken.annotated.tolist(), lines(taken)) == ([5], [2])


CELLS = st.sampled_from(["", "0", "1", "2.0", "2.5", "cat", "nan", "-1", "007"])


@given(
    st.lists(st.tuples(st.integers(0, 7), CELLS, st.sampled_from(["", "0", "1"])), max_size=6),
    st.sampled_from([None, 0, 1.5, "cat"]),
    st.sampled_from([None, CLASSES]),
)
def test_a_file_without_errors_is_taken_as_annotate_does(tmp_path_factory, rows, first, classes):
    path = tmp_path_factory.mktemp("taken") / "round.csv"
    write([f"{i},{label},{round}" for i, label, round in rows], "id,label,round", path)
    pools = [opened(names=None, classes=classes) for _ in range(2)]
    if first is not None and (classes is None or first == 0):
        for pool in pools:
            pool.annotate([7], [first])
    one, other = pools
    before = one.state_dict()
    try:
        ids = one.annotate(path)
    except (ValueError, IndexError):
        taken = other.take(path)
        assert taken.refused or len({i for i, label, _ in rows if label}) < len(rows)
        return
    taken = other.take(path)
    assert (taken.annotated.tolist(), taken.refused) == (ids.tolist(), [])
    assert other.state_dict() == one.state_dict()
    assert (other.state_dict() == before) == (len(ids) == 0)


def test_what_others_have_answered_meanwhile_is_known_or_refused():
    pool = opened(ledger=Ledger("labels.db", who="Ann"))
    Ledger("labels.db", who="Bob").add([Entry(NAMES[1], label="glass"), Entry(NAMES[2], label=0)])
    taken = pool.take(write([f"{NAMES[1]},glass", f"{NAMES[2]},paper", f"{NAMES[3]},paper"]))
    assert (taken.annotated.tolist(), taken.known, lines(taken)) == ([3], 1, [3])
    assert [e.who for e in pool.ledger.entries()] == ["Bob", "Bob", "Ann"]


def test_nothing_is_taken_if_the_ledger_cannot_be_written(monkeypatch):
    pool = opened(ledger="labels.db")
    with pool.ledger._store.reading() as db:
        db.execute("PRAGMA query_only = 1")
    with pytest.raises(LedgerError, match="readonly"):
        pool.take(write([f"{NAMES[1]},glass"]))
    assert pool.get_num_annotated() == 0


@pytest.mark.parametrize("how", ["annotate", "take"])
def test_round_reason_score_and_guess_of_a_query_s_file_are_in_the_ledger(how):
    pool = opened(ledger="labels.db")
    query = al.Query(
        np.array([7, 2, 5, 9]), 4, scores=np.array([0.9, 0.25, -1.0, 0]),
        guesses=np.array([1, 0, 2, 1]), why="TopK() of -Margin()",
        names=[NAMES[i] for i in (7, 2, 5, 9)], classes=CLASSES,
    )  # fmt: skip
    query.save("round.csv")
    with open("round.csv") as file:
        text = file.read().splitlines()
    text = [text[0], text[1] + "paper", text[2], text[3] + "metal", text[4] + "glass"]
    text[4] = text[4].replace(",paper,", ",wood,")  # a class of another time
    with open("round.csv", "w") as file:
        file.write("\n".join(text))
    getattr(pool, how)("round.csv")
    first, second, third = pool.ledger.entries()
    assert (first.round, first.why, first.score, first.guess) == (4, query.why, 0.9, "paper")
    assert (second.sample, second.round, second.score, second.guess) == (NAMES[5], 4, -1, "metal")
    assert (third.label, third.score, third.guess) == ("glass", 0, "wood")
    assert pool.rounds[[7, 5, 9]].tolist() == [4, 4, 4]
    assert opened(ledger="labels.db").rounds.tolist() == pool.rounds.tolist()


def test_a_sample_that_is_left_out_keeps_why_it_was_chosen():
    pool = opened(ledger="labels.db")
    rows = [f"{NAMES[1]},,unsure,audit,0.5,glass", f"{NAMES[2]},metal,,audit,0.5,1"]
    pool.take(write(rows, "name,label,reason,why,score,guess"))
    told = {e.sample: (e.label, e.reason, e.why, e.score, e.guess) for e in pool.ledger.entries()}
    assert told == {
        NAMES[1]: (None, "unsure", "audit", 0.5, "glass"),
        NAMES[2]: ("metal", None, "audit", 0.5, "paper"),
    }


def test_columns_of_another_meaning_do_no_harm():
    pool = opened(ledger="labels.db")
    pool.take(write([f"{NAMES[1]},glass,high", f"{NAMES[2]},glass,inf"], "name,label,score"))
    assert [e.score for e in pool.ledger.entries()] == [None, None]
    assert len(pool.ledger) == 2
