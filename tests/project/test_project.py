"""A project from the first sample to the file of labels, and what it refuses."""

import csv
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import AlkitError, LabelError, ProjectError
from alkit.pool.ledger import Entry, Ledger

CLASSES = ["cat", "dog", "owl"]


def test_a_project_is_labeled_trained_and_exported_in_ten_lines(points):
    project = points.project()
    for _ in range(5):
        query = project.query(10)
        assert all(name in points.names for name in query.names)
        project.annotate(query, points.labels(query))
    found = project.train()
    assert found.accuracy.known
    assert str(project).startswith("50 labeled of 60; accuracy about ")
    assert project.export(points.folder / "labels.csv") == 50
    assert [record.annotated for record in project.records] == [50]


def test_a_project_that_is_opened_again_is_where_it_was(points):
    project = points.project()
    query = project.query(12)
    project.annotate(query, points.labels(query))
    project.exclude([project.query(1).names[0]], "unsure")
    before, ledger = project.predictions(), project.ledger.entries()
    del project  # never closed, as by a kill

    again = al.Project(points.folder / "project")
    assert again.ledger.entries() == ledger
    assert str(again).startswith("12 labeled (1 unsure) of 60")
    assert again.predictions() == before
    assert not again.changes


def test_labels_are_names_numbers_arrays_or_none_which_leaves_a_sample(points):
    project = points.project()
    names = points.names[:6]
    ids = project.annotate(names[:3], ["cat", 1, None])
    assert ids.tolist() == [0, 1]
    project.annotate([3, 4], np.array([0, 2]))
    project.annotate([names[5]], torch.tensor([1]))
    labels = {name: entry.label for name, entry in project.ledger.current().items()}
    assert labels == {
        names[0]: "cat", names[1]: "dog", names[3]: "cat", names[4]: "owl", names[5]: "dog",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["cat", "catt"], "'catt' is not one of the classes. Did you mean 'cat'"),
        (["cat", 3], "3 is not one of the classes"),
        (["cat", -1], "-1 is not one of the classes"),
        (["cat", True], "True is not one of the classes"),
        (["cat", float("nan")], "nan is not one of the classes"),
        (["cat", ["dog"]], "is not one of the classes"),
        (["cat"], "expected 2 labels"),
        ("cat", "expected 2 labels"),
        (None, "pass one label per sample"),
    ],
)
def test_a_wrong_label_is_refused_and_nothing_is_taken(points, labels, reason):
    project = points.project()
    with pytest.raises(LabelError, match=reason):
        project.annotate(points.names[:2], labels)
    assert len(project.ledger) == 0


def test_a_sample_is_not_labeled_twice_unless_several_people_answer(points):
    project = points.project()
    project.annotate(points.names[:1], ["cat"])
    with pytest.raises(AlkitError, match="has an answer"):
        project.annotate(points.names[:2], ["dog", "dog"])
    assert len(project.ledger) == 1
    with pytest.raises(AlkitError):
        project.annotate([points.names[1]] * 2, ["dog", "cat"])
    assert len(project.ledger) == 1


def test_the_good_rows_of_a_file_are_taken_and_three_bad_ones_of_50_named(points):
    project = points.project()
    query = project.query(50)
    labels = points.labels(query)
    labels[3], labels[10] = "dgo", "horse"
    rows = [f"{name},{label}" for name, label in zip(query.names, labels)]
    rows[20] = "another.txt,cat"
    path = points.folder / "done.csv"
    path.write_text("name,label\n" + "\n".join(rows))
    taken = project.annotate(path, who="Ann")
    assert len(taken.annotated) == 47
    assert [text.split(",")[1].split(":")[0] for text in taken.refused] == [
        " line 5", " line 12", " line 22",
    ]  # fmt: skip
    assert {entry.who for entry in project.ledger.entries()} == {"Ann"}
    assert str(project).startswith("47 labeled of 60")
    assert project.annotate(path).annotated.size == 0  # again: nothing is taken twice


def test_the_file_of_a_query_is_filled_in_and_read_back(points):
    project = points.project()
    query = project.query(5)
    path = points.folder / "project" / "rounds" / f"round_{query.round:03d}.csv"
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "label": "owl"} for row in rows)
    assert len(project.annotate(path).annotated) == 5
    assert set(project.ledger.current()) == set(query.names)


def test_open_queries_do_not_overlap(points):
    project = points.project()
    first = project.query(10)
    second = project.query(10, exclude=first)
    third = project.query(40, exclude=[first, second])
    assert len({*first.names, *second.names, *third.names}) == 60
    files = sorted(path.name for path in (points.folder / "project" / "rounds").iterdir())
    assert files == ["round_000.csv", "round_000_2.csv", "round_000_3.csv"]  # none is lost
    assert len(project.query(5, exclude=points.names)) == 0
    assert len(project.query(60, exclude=points.names[:58])) == 2


def test_audit_samples_are_a_fifth_of_the_answers(points):
    project = points.project()
    for _ in range(4):
        query = project.query(10)
        project.annotate(query, points.labels(query))
    whys = [entry.why for entry in project.ledger.entries()]
    assert sum(why.startswith("audit") for why in whys) == 8


def test_a_corrected_label_trains_the_model_again(points):
    project = points.project()
    project.annotate(range(30), points.oracle(range(30)))
    before = project.predictions()
    wrong = ["cat" if label != "cat" else "dog" for label in points.oracle(range(30))]
    project.pool.relabel(range(30), wrong)
    after = project.predictions()
    assert {name: guess for name, (guess, _) in after.items()} != {
        name: guess for name, (guess, _) in before.items()
    }


def test_projects_on_one_folder_see_each_others_answers_also_of_a_killed_process(points):
    one, two = points.project(), points.project()
    one.annotate(points.names[:3], ["cat", "dog", "owl"])
    assert str(two).startswith("3 labeled")
    assert two.pool.get_num_annotated() == 3
    assert not set(two.query(57).names) & set(points.names[:3])
    script = f"""
import os, signal
import alkit as al
project = al.Project({str(points.folder / "project")!r})
project.annotate({points.names[3:6]!r}, ["cat", "dog", "owl"], who="Ann")
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert one.pool.get_num_annotated() == two.pool.get_num_annotated() == 6
    assert one.status().people == {"": 3, "Ann": 3}


def test_predictions_are_of_samples_without_an_answer(points):
    project = points.project()
    with pytest.raises(ProjectError, match="labels of two classes"):
        project.predictions()
    project.annotate([0], ["cat"])
    with pytest.raises(ProjectError, match="labels of two classes"):
        project.predictions()
    project.annotate(range(1, 40), points.oracle(range(1, 40)))
    found = project.predictions()
    assert set(found) == set(points.names[40:])
    assert all(label in CLASSES and 0 <= sure <= 1 for label, sure in found.values())
    right = [found[points.names[k]][0] == CLASSES[points.y[k]] for k in range(40, 60)]
    assert np.mean(right) > 0.7
    project.annotate(range(40, 60), points.oracle(range(40, 60)))
    assert project.predictions() == {}
    assert len(project.query(5)) == 0


def test_a_project_without_labels_or_with_one_class_is_trained_in_words(points):
    project = points.project()
    assert "not known" in str(project.train())
    project.annotate(range(6), ["cat"] * 6)
    assert project.train().advice
    assert str(project).startswith("6 labeled of 60")


def test_a_strategy_of_ones_own_trains_and_chooses(points):
    def network(pool):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
        return al.Strategy(net, pool, al.Entropy(), seed=0).build()

    options = {"strategy": network, "training": {"max_epochs": 60}}
    project = points.project(**options)
    for _ in range(2):
        query = project.query(20)
        project.annotate(query, points.labels(query))
    assert "Entropy" in query.why
    assert project.train().advice
    found = project.predictions()
    assert np.mean([found[n][0] == CLASSES[points.y[points.names.index(n)]] for n in found]) > 0.5
    with pytest.raises(ProjectError, match="pass strategy= again"):
        _ = al.Project(points.folder / "project").pool
    assert points.project(**options).predictions().keys() == found.keys()


def test_a_strategy_with_a_transform_sees_the_images_themselves(photos, tmp_path):
    def transform(image):
        return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255

    def network(pool):
        net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 10 * 12, 2))
        return al.Strategy(net, pool, al.Margin(), seed=0).build()

    project = al.Project(
        tmp_path / "p", images=photos, classes=["a", "b"], strategy=network, transform=transform,
        training={"max_epochs": 2},
    )  # fmt: skip
    assert project.pool[0].shape == (3, 10, 12)
    query = project.query(6)
    project.annotate(query, [name[0] for name in query.names])
    project.train()
    assert len(project.predictions()) == 6


def test_features_are_those_of_a_module(photos, tmp_path):
    module = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
    project = al.Project(tmp_path / "p", images=photos, classes=["a", "b"], features=module)
    assert project.features.rows.shape == (12, 48)
    assert len(project.query(3)) == 3
    with pytest.raises(ProjectError, match="pass features= again"):
        _ = al.Project(tmp_path / "p").features
    again = al.Project(tmp_path / "p", features=module)
    assert np.array_equal(again.features.rows, project.features.rows)


def test_texts_work_alike(tmp_path):
    rows = [f"the {'cat sat on a mat' if k % 2 else 'dog ran in a park'} {k}" for k in range(30)]
    path = tmp_path / "reviews.csv"
    path.write_text("id,review\n" + "\n".join(f"r{k},{text}" for k, text in enumerate(rows)))
    with pytest.raises(ProjectError, match="column="):
        al.Project(tmp_path / "p", texts=path, classes=["cat", "dog"])
    assert not (tmp_path / "p").exists()
    project = al.Project(
        tmp_path / "p", texts=path, column="review", names="id", classes=["cat", "dog"]
    )
    project.label(10, oracle=lambda ids: ["cat" if i % 2 else "dog" for i in ids])
    found = al.Project(tmp_path / "p").predictions()
    assert all(
        found[f"r{k}"][0] == ("cat" if k % 2 else "dog") for k in range(30) if f"r{k}" in found
    )
    assert project.shown("r3").content == rows[3].encode()


def test_a_dataset_with_a_function_that_shows_its_items_works_alike(points):
    x = torch.from_numpy(np.load(points.folder / "points.npy"))
    data = TensorDataset(x, torch.from_numpy(points.y))
    options = {"dataset": data, "render": lambda item: f"<b>{item.sum():.2f}"}
    project = al.Project(points.folder / "d", classes=CLASSES, names=points.names, **options)
    project.label(30, oracle=points.oracle)
    assert project.shown("point 0.txt").content.startswith(b"<b>")
    with pytest.raises(ProjectError, match="pass dataset="):
        al.Project(points.folder / "d")
    again = al.Project(points.folder / "d", names=points.names, **options)
    assert str(again).startswith("30 labeled of 60")


def test_five_thousand_classes_are_labeled(points):
    classes = [f"class {k}" for k in range(5000)]
    project = points.project(classes=classes)
    query = project.query(5)
    project.annotate(query, [4999, 0, 17, "class 18", 4000])
    start = time.perf_counter()
    assert len(project.query(5)) == 5
    assert len(project.predictions()) == 55
    assert project.train().advice
    assert time.perf_counter() - start < 30
    again = al.Project(points.folder / "project")
    assert again.ledger.current()[query.names[0]].label == "class 4999"


def test_a_clock_that_goes_backwards_changes_no_order(points):
    project = points.project()
    project.annotate([0], ["cat"])
    project.ledger.add([Entry(points.names[0], label="dog", at=1000.0)])
    assert project.ledger.current()[points.names[0]].label == "dog"
    assert points.project().pool.labels_of([0]) == [1]
    project.export(points.folder / "l.json")
    assert json.loads((points.folder / "l.json").read_text())[0]["at"].startswith("1970-01-01")


def test_answers_of_a_machine_are_not_those_of_a_person(points):
    project = points.project()
    project.annotate(points.names[:2], ["cat", "dog"], who="machine: clip")
    found = project.status()
    assert (found.machines, found.people) == ({"machine: clip": 2}, {})


def test_a_project_is_deleted_from_nothing_by_a_failed_opening(tmp_path, photos):
    with pytest.raises(ProjectError, match="there twice"):
        al.Project(tmp_path / "p", images=photos, classes=["a", "a"])
    with pytest.raises(ProjectError, match="there is no folder"):
        al.Project(tmp_path / "p", images=tmp_path / "nowhere", classes=["a", "b"])
    assert not (tmp_path / "p").exists()


def test_repr_and_str_need_no_features(photos, tmp_path):
    project = al.Project(tmp_path / "p", images=photos, classes=["a", "b"])
    assert repr(project) == f"Project({str(tmp_path / 'p')!r})"
    assert str(project) == "0 labeled of 12; accuracy not known yet"
    assert 'features="resnet18"' in str(project.status())
    assert not (tmp_path / "p" / "features").exists()


def test_images_of_many_forms_are_shown_and_become_features(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    image = Image.fromarray(pixels)
    image.save(folder / "plain.png")
    image.convert("CMYK").save(folder / "print.jpg")
    Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 256).save(folder / "16 bits.png")
    image.save(folder / "moving.gif", save_all=True, append_images=[image.rotate(90)])
    image.convert("RGBA").save(folder / "alpha.webp")
    image.save(folder / "scan.tif")
    image.resize((5000, 3000)).save(folder / "huge.jpg")
    name = "naïve 猫 'quoted\" <b>#?%.png"
    image.save(folder / name)
    image.save(folder / f"{'long' * 50}.png")
    image.save(folder / "two\nlines.png")
    (folder / "drawing.svg").write_text("<svg/>")
    (folder / "phone.heic").write_bytes(b"ftypheic")
    (folder / "cut.jpg").write_bytes((folder / "print.jpg").read_bytes()[:300])
    (folder / "empty.png").write_bytes(b"")
    project = al.Project(tmp_path / "p", images=folder, classes=["a", "b"])
    names = project.features.names
    assert len(names) == 10
    assert all(project.shown(each).type.startswith("image/") for each in names)
    assert len(project.query(10)) == 10
    project.annotate([name, "two\nlines.png"], ["a", "b"])
    assert project.export(tmp_path / "l.csv") == 2
    again = al.Project(tmp_path / "p")
    assert {entry.sample for entry in again.ledger.live()} == {name, "two\nlines.png"}
    notes = str(again.status())
    assert "cut.jpg is left out" in notes
    assert "empty.png is left out" in notes


@pytest.mark.parametrize("n", [1, 2])
def test_a_folder_with_one_or_two_images_is_labeled(n, tmp_path, save):
    for seed in range(n):
        save(tmp_path / "photos" / f"{seed}.png", seed)
    project = al.Project(tmp_path / "p", images=tmp_path / "photos", classes=["a", "b"])
    assert project.label(oracle=lambda ids: [int(i) for i in ids]) == n
    project.train()
    assert str(project).startswith(f"{n} labeled of {n}")


def test_images_that_are_all_the_same_are_labeled(tmp_path, save):
    for k in range(8):
        save(tmp_path / "photos" / f"{k}.png", 0)
    project = al.Project(tmp_path / "p", images=tmp_path / "photos", classes=["a", "b"])
    assert len(project.changes.duplicates[0]) == 8
    assert project.label(6, oracle=lambda ids: [int(i) % 2 for i in ids]) == 6
    project.train()
    assert len(project.predictions()) == 2


def test_all_unsure_is_a_state_like_others(points):
    project = points.project()
    assert project.label(oracle=lambda ids: [None] * len(ids)) == 60
    assert str(project).startswith("0 labeled (60 unsure) of 60")
    assert len(project.query(3)) == 0
    assert "not known" in str(project.train())
    assert Ledger(points.folder / "project" / "labels.db").live()[0] == project.ledger.live()[0]
    assert isinstance(project.ledger.live()[0], Entry)
