import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alkit.bridges.label_studio import load
from alkit.bridges.label_studio.answers import origin, read, take
from alkit.errors import LabelError, LabelFileError
from alkit.pool import Ledger


def annotation(label="glass", number=1, **values):
    """An annotation as Label Studio 1.23 exports it; ``label`` None is an empty one."""
    choice = {"from_name": "label", "to_name": "sample", "type": "choices"}
    return {
        "id": number,
        "completed_by": 7,
        "result": [] if label is None else [{**choice, "value": {"choices": [label]}}],
        "was_cancelled": False,
        "created_at": "2026-11-29T13:00:00.5Z",
        "updated_at": f"2026-11-29T13:00:{number:02}.5Z",
        "lead_time": 1.5,
        "prediction": {},
        "unique_id": f"unique-{number}",
        "parent_prediction": None,
        **values,
    }


def task(name, *annotations):
    return {"id": 40, "project": 4, "data": {"alkit_id": name}, "annotations": list(annotations)}


def write(*tasks):
    with open("export.json", "w") as file:
        json.dump(tasks, file)
    return "export.json"


def labels(ledger):
    return {name: entry.label or entry.reason for name, entry in ledger.current().items()}


def test_an_annotation_becomes_an_entry_with_all_that_is_known_of_it():
    ledger = Ledger("labels.db")
    guess = {**annotation("paper"), "model_version": "alkit round 12", "score": 0.25}
    given = annotation("glass", 3, prediction=guess, parent_prediction=9)
    (entry,) = load(write(task("a/ü.jpg", given)), ledger, ["glass"], people={7: "Ann"}).added
    assert (entry.sample, entry.label, entry.who, entry.seconds) == ("a/ü.jpg", "glass", "Ann", 1.5)
    assert (entry.round, entry.guess, entry.guess_shown) == (12, "paper", True)
    assert entry.at == 1795957203.5


def test_without_a_guess_nothing_is_made_up():
    (entry,) = load(write(task("a", annotation())), Ledger("labels.db")).added
    assert (entry.round, entry.guess, entry.guess_shown, entry.score) == (None,) * 4
    assert entry.who == "label studio user 7"


def test_people_are_known_by_their_address_if_the_file_has_it():
    given = annotation(completed_by={"id": 7, "email": "bob@example.org"})
    assert load(write(task("a", given)), Ledger("labels.db")).added[0].who == "bob@example.org"


def test_a_skipped_sample_has_a_reason_even_if_a_class_was_chosen():
    ledger = Ledger("labels.db")
    load(write(task("a", annotation("glass", was_cancelled=True))), ledger)
    assert ledger.current()["a"].reason == "skipped"


def test_loading_a_file_twice_adds_nothing():
    ledger = Ledger("labels.db")
    path = write(task("a", annotation()), task("b", annotation("paper", 2)))
    assert len(load(path, ledger).added) == 2
    again = load(path, ledger)
    assert (again.added, again.known, len(ledger)) == ([], 2, 2)


def test_answers_of_several_people_are_kept_as_votes():
    ledger = Ledger("labels.db")
    both = annotation("glass", 1), annotation("paper", 2, completed_by=8)
    load(write(task("a", *both)), ledger, people={7: "Ann", 8: "Bob"})
    votes = {who: entry.label for who, entry in ledger.votes()["a"].items()}
    assert votes == {"Ann": "glass", "Bob": "paper"}


def test_a_changed_annotation_counts_as_last_changed_in_whatever_order_files_are_loaded():
    old = task("a", annotation("glass"))
    new = task("a", annotation("paper", updated_at="2026-11-29T14:00:00Z"))
    back = task("a", annotation("glass", updated_at="2026-11-29T15:00:00Z"))
    ledger = Ledger("labels.db")
    for export, counts in [(old, "glass"), (new, "paper"), (old, "paper"), (back, "glass")]:
        load(write(export), ledger)
        assert labels(ledger) == {"a": counts}
    assert len(ledger) == 3


def test_later_answers_are_written_later():
    ledger = Ledger("labels.db")
    load(write(task("a", annotation("late", 9), annotation("early", 3))), ledger)
    assert [entry.label for entry in ledger.entries()] == ["early", "late"]


def test_the_good_part_is_taken_and_the_rest_is_reported_one_by_one():
    ledger = Ledger("labels.db")
    two = annotation()["result"] * 2
    rows = [
        task("good", annotation("glass")),
        task("bad", annotation("wood", 2)),
        task("bad", annotation(None, 3)),
        task("bad", annotation(number=4, result=two)),
        task("bad", annotation(number=5, updated_at="yesterday")),
        {**task("bad", annotation(number=6)), "data": {}},
        {"id": 41},
        "text",
        task("bad", "text"),
        task("fine", annotation("paper", 8)),
    ]
    loaded = load(write(*rows), ledger, ["glass", "paper"])
    assert labels(ledger) == {"good": "glass", "fine": "paper"}
    said = "\n".join(loaded.refused)
    assert len(loaded.refused) == 8
    for words in (
        "task 40, annotation 2: 'wood' is not one of the classes",
        "annotation 3: it has 0 classes",
        "annotation 4: it has 2 classes",
        "annotation 5: it is not as Label Studio writes it",
        "annotation 6: the task has no data.alkit_id",
        "task 7 of the list",
        "task 8 of the list",
    ):
        assert words in said


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
BROKEN = st.dictionaries(st.sampled_from(sorted(annotation())), JSON, max_size=3)


@given(st.lists(BROKEN, min_size=1, max_size=4))
def test_whatever_an_annotation_holds_it_is_taken_or_reported(tmp_path_factory, broken):
    found = read([task("a", *({**annotation(), **each} for each in broken))], ["glass"])
    assert len(found.entries) + len(found.refused) == len(broken)
    with Ledger(tmp_path_factory.mktemp("ledger") / "a.db") as ledger:
        take(ledger, found)
        assert all(origin(entry.uid) is not None for entry in ledger.entries())


def test_entries_of_others_have_no_origin():
    assert origin("5f3a") is None
    assert origin("label-studio") is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"format": "alkit ledger 1"}', "not an export of Label Studio"),
        ('[{"text": "a", "label": "b"}]', "not an export of Label Studio"),
        ("[", "not a JSON file"),
        ("", "not a JSON file"),
    ],
)
def test_a_file_of_another_kind_is_refused(content, words):
    with open("export.json", "w") as file:
        file.write(content)
    with pytest.raises(LabelError, match=words):
        load("export.json", Ledger("labels.db"))


def test_a_missing_file_is_reported():
    with pytest.raises(LabelFileError, match=r"there is no file"):
        load("export.json", Ledger("labels.db"))
