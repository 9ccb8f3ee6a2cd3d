from alkit.pool.ledger import Entry
from alkit.project.status import Status


def test_the_text_has_a_line_per_fact_that_is_known():
    few = Status("trash", 2000, 0, {}, {}, {}, {})
    assert str(few) == "trash: 0 labeled of 2,000; accuracy not known yet"
    full = Status(
        "trash", 2000, 1050, {"unsure": 2, "broken": 1}, {"glass": 700, "paper": 350},
        {"": 50, "Ann": 1000}, {"machine: clip": 3}, "accuracy about 0.71 (0.60 to 0.80)",
        "go on", 0.512, 1, ["a.png is left out: it is cut off."],
    )  # fmt: skip
    assert str(full).splitlines() == [
        "trash: 1,050 labeled (2 unsure, 1 broken) of 2,000; accuracy about 0.71 (0.60 to 0.80)",
        "labels: glass 700, paper 350",
        "people: Ann 1,000, unnamed 50",
        "machines: machine: clip 3",
        "agreement: Krippendorff's alpha 0.51; people disagree on 1 sample",
        "next: go on",
        "note: a.png is left out: it is cut off.",
    ]


def test_many_classes_are_shown_in_part():
    found = Status("t", 100, 100, {}, {f"c{k}": 50 - k for k in range(50)}, {"": 1}, {})
    line = str(found).splitlines()[1]
    assert line.startswith("labels: c0 50, c1 49, ")
    assert line.endswith(", 38 more")


def test_an_accuracy_of_fewer_labels_names_their_number(points):
    project = points.project()
    project.label(55, oracle=points.oracle)
    project.train()
    assert "after" not in str(project)
    project.label(1, oracle=points.oracle)
    assert str(project).endswith(", after 55 labels")


def test_people_who_disagree_are_counted(points):
    project = points.project()
    text = (project.folder / "project.toml").read_text()
    (project.folder / "project.toml").write_text(text.replace("votes = 1", "votes = 2"))
    project = points.project()
    project.annotate(points.names[:4], ["cat", "dog", "owl", "cat"], who="Ann")
    project.annotate(points.names[:4], ["cat", "dog", "owl", "dog"], who="Bob")
    found = project.status()
    assert found.people == {"Ann": 4, "Bob": 4}
    assert found.disagreements == 1
    assert 0 < found.agreement < 1
    assert found.labeled == 4


def test_samples_without_features_are_named(points):
    import numpy as np

    rows = np.load(points.folder / "points.npy")
    np.save(points.folder / "some.npy", rows[:50])
    (points.folder / "some.txt").write_text("\n".join(points.names[:50]))
    project = points.project(features=points.folder / "some.npy")
    assert len(project.pool) == 50
    assert "10 samples have no features in some.npy, such as point 50.txt" in str(project.status())


def test_answers_about_files_that_are_gone_are_not_labels_of_samples(points):
    project = points.project()
    project.ledger.add([Entry("gone.txt", label="cat")])
    assert str(project).startswith("0 labeled of 60")
