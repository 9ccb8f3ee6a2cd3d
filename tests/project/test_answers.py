import numpy as np
import pytest

import alkit as al
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


def test_the_reason_of_a_query_of_an_earlier_day_is_in_the_ledger(points):
    project = points.project()
    query = project.query(10)
    project.close()
    again = points.project()
    again.annotate(query.names, points.labels(query))
    whys = {name: entry.why for name, entry in again.ledger.current().items()}
    assert whys == dict(zip(query.names, query.reasons, strict=True))
    assert sum(why.startswith("audit") for why in whys.values()) == 2


def test_a_sample_that_a_machine_has_labeled_is_still_asked_for_the_audit(points):
    project = points.project()
    project.label(10, oracle=lambda ids: [project.classes[points.y[k]] for k in ids])
    answered = set(project.ledger.current())
    machine = al.oracles.Model(lambda ids: (points.y[ids].tolist(), [1.0] * len(ids)), name="m")
    assert project.label(20, oracle=machine) == 20
    first = next(k for k in project._asking.order.samples if project.pool.names[k] not in answered)
    project.annotate([project.pool.names[first]], [project.classes[points.y[first]]])
    votes = project.ledger.votes()
    assert {who for vote in votes.values() for who in vote} == {"", "machine: m"}
    labeled = len(project.ledger.current())
    query = project.query(10)
    asked = [k for k, why in zip(query, query.reasons, strict=True) if why.startswith("audit")]
    waiting = [k for k in project._asking.order.samples if k not in project.pool.annotated_indices
               or k in project._asking.by_machine]  # fmt: skip
    assert asked == waiting[: len(asked)]
    project.annotate(query, [project.classes[points.y[k]] for k in query])
    again = project._asking.by_machine & set(asked)
    assert not again
    assert len(project.ledger.current()) >= labeled
