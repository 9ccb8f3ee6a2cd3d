import numpy as np
import pytest

from alkit.errors import AlkitError
from alkit.pool.ledger import Entry


def test_an_entry_has_why_its_sample_was_chosen_and_what_the_model_guessed(points):
    project = points.project()
    query = project.query(10)
    project.annotate(query, points.labels(query))
    first = project.ledger.entries()
    assert all("typical" in entry.why or entry.why.startswith("audit") for entry in first)
    assert {entry.guess for entry in first} == {None}
    query = project.query(10)
    assert query.guesses is not None
    assert query.why.endswith("; 2 of 10 for the audit")
    project.annotate(query, points.labels(query), who="Ann")
    second = project.ledger.entries(after=10)
    assert {entry.round for entry in second} == {1}
    assert {entry.who for entry in second} == {"Ann"}
    assert {entry.guess for entry in second} <= {"cat", "dog", "owl"}
    chosen = [entry for entry in second if not entry.why.startswith("audit")]
    assert len(chosen) == 8
    assert all(entry.score is not None for entry in chosen)


def test_answers_of_other_names_are_taken_without_a_reason(points):
    project = points.project()
    project.annotate(points.names[:2], ["cat", "dog"])
    assert [entry.why for entry in project.ledger.entries()] == ["", ""]
    assert project._asking.whys == {0: "", 1: ""}


def test_an_undone_answer_is_open_again(points):
    project = points.project()
    project.annotate(points.names[:3], ["cat", "dog", "owl"])
    project.ledger.undo(*(entry.uid for entry in project.ledger.live()))
    assert project.pool.get_num_annotated() == 0
    assert len(project.query(60)) == 60
    project.annotate(points.names[:1], ["owl"])
    project.ledger.undo(project.ledger.current()[points.names[0]].uid)  # as another process does
    assert project.pool.get_num_annotated() == 0
    assert project._asking.whys == {}


def test_an_answer_is_undone_after_a_training(points):
    project = points.project()
    project.annotate(range(20), points.oracle(range(20)))
    project.train()
    project.ledger.undo(*(entry.uid for entry in project.ledger.live()))
    assert len(project.query(5)) == 5
    with pytest.raises(AlkitError, match="labels of two classes"):
        project.predictions()
    assert "not known" in str(project.train())


def test_samples_that_the_pool_does_not_have_are_refused(points):
    project = points.project()
    for samples in (["nobody.txt"], [60], [-1], np.array([0.5]), [0, 0]):
        with pytest.raises(AlkitError):
            project.annotate(samples, ["cat"] * len(samples))
    with pytest.raises(AlkitError):
        project.query(5, exclude=["nobody.txt"])
    with pytest.raises(AlkitError):
        project.query(-1)
    with pytest.raises(AlkitError):
        project.annotate(points.folder / "nowhere.csv")
    assert len(project.ledger) == 0
    assert len(project.annotate([], [])) == 0


def test_a_sample_is_excluded_and_included(points):
    project = points.project()
    assert project.exclude(points.names[:2], "broken").tolist() == [0, 1]
    assert str(project).startswith("0 labeled (2 broken) of 60")
    project.pool.include([0])
    assert str(project).startswith("0 labeled (1 broken) of 60")
    assert len(project.query(60)) == 59


def test_entries_about_other_samples_are_passed_over(points):
    project = points.project()
    _ = project.pool
    project.ledger.add([Entry("gone.txt", label="cat"), Entry(points.names[0], label="cat")])
    with pytest.warns(UserWarning, match="not in the pool"):
        assert project.pool.get_num_annotated() == 1
