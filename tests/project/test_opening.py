"""Opening: arguments against settings, and answers that follow files."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import alkit as al
from alkit.errors import AlkitError, LabelError, ProjectError
from alkit.pool.ledger import Ledger
from alkit.project import opening

CLASSES = ["cat", "dog", "owl"]


@pytest.fixture
def make(photos, tmp_path):
    """A function that opens a project on images, and labels four of them at the first time."""

    def make(**options):
        is_new = not (tmp_path / "p").exists()
        project = al.Project(tmp_path / "p", images=photos, classes=CLASSES, seed=0, **options)
        if is_new:
            project.annotate(NAMES, ["cat", "dog", "owl", "cat"])
        return project

    return make


NAMES = ["a/0.png", "a/2.png", "b/1.png", "b/3.png"]


def labels(project):
    return {name: entry.label for name, entry in project.ledger.current().items()}


def rename(photos, **names):
    for old, new in names.items():
        (photos / new).parent.mkdir(exist_ok=True)
        (photos / old).rename(photos / new)


def test_labels_follow_files_that_are_moved_or_renamed(make, photos):
    make()
    rename(photos, **{"a/0.png": "c/new.png", "b/1.png": "b/first.png"})
    project = make()
    moved = {"c/new.png": "cat", "a/2.png": "dog", "b/first.png": "owl", "b/3.png": "cat"}
    assert labels(project) == moved
    assert project.changes.moved == {"a/0.png": "c/new.png", "b/1.png": "b/first.png"}
    assert str(project).startswith("4 labeled of 12")
    assert project.pool.get_num_annotated() == 4
    assert not make().changes
    assert labels(make()) == moved


def test_labels_follow_files_that_exchange_their_names_once(make, photos):
    make()
    rename(photos, **{"a/0.png": "t.png"})
    rename(photos, **{"a/2.png": "a/0.png"})
    rename(photos, **{"t.png": "a/2.png"})
    catalog = (photos.parent / "p" / "samples.csv").read_bytes()
    exchanged = {"a/0.png": "dog", "a/2.png": "cat", "b/1.png": "owl", "b/3.png": "cat"}
    assert labels(make()) == exchanged
    # as if the process had been killed before it wrote the catalog, or another opened it meanwhile
    (photos.parent / "p" / "samples.csv").write_bytes(catalog)
    assert labels(make()) == exchanged
    rename(photos, **{"a/0.png": "t.png"})
    rename(photos, **{"a/2.png": "a/0.png"})
    rename(photos, **{"t.png": "a/2.png"})
    assert labels(make())["a/0.png"] == "cat"


def test_a_chain_of_renamed_files_is_followed_also_after_a_kill(make, photos):
    make()
    rename(photos, **{"a/2.png": "a/9.png"})
    rename(photos, **{"a/0.png": "a/2.png"})
    catalog = (photos.parent / "p" / "samples.csv").read_bytes()
    make()
    (photos.parent / "p" / "samples.csv").write_bytes(catalog)
    assert labels(make()) == {
        "a/9.png": "dog",
        "a/2.png": "cat",
        "b/1.png": "owl",
        "b/3.png": "cat",
    }


def test_a_file_that_is_replaced_is_asked_about_again_and_can_be_restored(make, photos, save):
    make()
    save(photos / "a/0.png", seed=99)
    project = make()
    assert "a/0.png" in project.changes.changed
    assert "a/0.png" not in labels(project)
    assert "a/0.png" in project.query(9).names
    assert project.restore("a/0.png")[0].label == "cat"
    assert labels(project)["a/0.png"] == "cat"
    assert project.pool.get_num_annotated() == 4
    assert project.restore(["a/0.png"]) == []
    assert labels(make())["a/0.png"] == "cat"


def test_labels_of_a_replaced_file_that_was_labeled_again_are_not_restored(make, photos, save):
    make()
    save(photos / "a/0.png", seed=99)
    project = make()
    project.annotate(["a/0.png"], ["owl"])
    assert project.restore(["a/0.png"]) == []
    assert labels(project)["a/0.png"] == "owl"


def test_missing_files_are_reported_and_keep_their_labels(make, photos):
    make()
    hidden = photos.parent / "hidden.png"
    (photos / "a/0.png").rename(hidden)
    project = make()
    assert project.changes.missing == ["a/0.png"]
    assert "1 samples are missing" in str(project.status()) or "missing" in str(project.status())
    assert labels(project)["a/0.png"] == "cat"
    with pytest.warns(UserWarning, match="not in the pool"):
        assert project.pool.get_num_annotated() == 3
    hidden.rename(photos / "a/0.png")
    assert make().pool.get_num_annotated() == 4


def test_a_project_whose_labeled_files_are_all_gone_goes_on(make, photos):
    make()
    for name in NAMES:
        (photos / name).unlink()
    project = make()
    with pytest.warns(UserWarning, match="not in the pool"):
        assert len(project.query(8)) == 8
    assert project.export(photos.parent / "l.csv") == 4


def test_new_files_join_the_pool(make, photos, save):
    assert len(make().pool) == 12
    save(photos / "c" / "new.png", seed=50)
    project = make()
    assert project.changes.new == ["c/new.png"]
    assert len(project.pool) == 13
    assert labels(project).keys() == set(NAMES)


def test_a_project_moves_with_its_data_or_is_told_where_they_are(make, photos, tmp_path):
    make()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(tmp_path / "p", elsewhere / "p")
    with pytest.raises(ProjectError, match=r"if it was moved, change the path in project\.toml"):
        al.Project(elsewhere / "p")
    shutil.copytree(photos, elsewhere / "photos")
    project = al.Project(elsewhere / "p")
    assert labels(project).keys() == set(NAMES)
    assert not project.changes
    text = (tmp_path / "p" / "project.toml").read_text()
    (tmp_path / "p" / "project.toml").write_text(text.replace("../photos", "../elsewhere/photos"))
    assert labels(al.Project(tmp_path / "p")).keys() == set(NAMES)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"classes": ["cat", "dog"]}, "has classes"),
        ({"images": "."}, "has path"),
        ({"features": "resnet18"}, "has features"),
        ({"seed": 1}, "has seed 0"),
        ({"strategy": lambda pool: None}, "has model"),
        ({"images": None, "texts": "t.csv"}, "has kind 'images'"),
        ({"texts": "t.csv"}, "samples of one kind, got images and texts"),
        ({"names": "n.txt"}, "names= is not for images"),
        ({"column": "text"}, "column= is that of texts"),
        ({"images": None, "names": "n.txt"}, "read together with"),
        ({"render": str}, "pass dataset= too"),
        ({"training": {"max_epochs": 1}}, "pass strategy= too"),
        ({"transform": str}, "pass strategy= too"),
        ({"images": 7}, "must be a path"),
    ],
)
def test_arguments_that_differ_from_the_settings_are_refused(
    make, photos, tmp_path, options, reason
):
    make()
    before = (tmp_path / "p" / "project.toml").read_bytes()
    given = {"images": photos, "classes": CLASSES, "seed": 0, **options}
    with pytest.raises(ProjectError, match=reason):
        al.Project(tmp_path / "p", **given)
    assert (tmp_path / "p" / "project.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "not a project yet: to create one, pass images="),
        ({"images": "photos"}, "to create one, pass classes="),
        ({"images": "photos", "classes": "abc"}, "classes must be a list"),
        ({"images": "photos", "classes": []}, "two classes or more"),
        ({"images": "photos", "classes": ["a", ""]}, "class 2 of 2 is empty"),
        ({"images": "photos", "classes": ["a", 1]}, "classes must be texts"),
        ({"images": "photos", "classes": {"a", "b"}}, "classes must be a list, in the order"),
        ({"embeddings": "e.npy", "names": ["a"], "classes": ["a", "b"]}, "must be a file"),
        ({"images": "photos", "classes": ["a", "b"], "seed": 1.5}, "seed must be"),
        ({"images": "photos", "classes": ["a", "b"], "features": 7}, "features must be a name"),
        ({"images": "photos", "classes": ["a", "b"], "features": al.Inputs()}, 'pass "pixels"'),
        ({"images": "photos", "classes": ["a", "b"], "features": "resnet19"}, "unknown features"),
        ({"images": "photos", "classes": ["a", "b"], "features": "tfidf"}, "are made of texts"),
        ({"images": "photos", "classes": ["a", "b"], "strategy": 3}, "must be a function"),
    ],
)
def test_what_a_new_project_lacks_is_named_and_nothing_is_created(tmp_path, options, reason):
    with pytest.raises(AlkitError, match=reason):
        al.Project(tmp_path / "p", **options)
    assert not (tmp_path / "p").exists()


def test_a_project_of_a_newer_version_is_left_alone(make, tmp_path):
    make()
    path = tmp_path / "p" / "project.toml"
    path.write_text(path.read_text().replace("version = 1", "version = 7"))
    with pytest.raises(ProjectError, match=r"project\.toml, line 2.*newer alkit"):
        al.Project(tmp_path / "p")


def test_settings_that_are_gone_are_asked_for_and_the_labels_kept(make, photos, tmp_path):
    make()
    (tmp_path / "p" / "project.toml").unlink()
    with pytest.raises(ProjectError, match=r"has labels, and project\.toml is missing"):
        al.Project(tmp_path / "p")
    assert labels(make()).keys() == set(NAMES)


def test_edits_of_the_settings_count_and_wrong_ones_are_named_by_line(make, tmp_path):
    make()
    path = tmp_path / "p" / "project.toml"
    text = path.read_text()
    path.write_text(text.replace("batch = 20", "batch = 3").replace('"owl"]', '"owl", "emu"]'))
    project = al.Project(tmp_path / "p")
    assert project.classes == [*CLASSES, "emu"]
    assert project.label(3, oracle=lambda ids: ["emu"] * len(ids)) == 3
    assert project.pool.get_num_annotated() == 7
    for old, new, reason in (
        ("audit = 0.2", "audit = 2", "line .*audit must be a share"),
        ("batch = 20", "batch = 'many'", "line .*batch"),
        ("[asking]", "[asknig]", "line .*asknig"),
        ('path = "../photos"', 'path = "..\\photos"', "line .*backslash|write / instead"),
    ):
        path.write_text(text.replace(old, new))
        with pytest.raises(ProjectError, match=reason):
            al.Project(tmp_path / "p")


def test_a_class_with_labels_that_is_taken_away_is_named(make, tmp_path):
    make()
    path = tmp_path / "p" / "project.toml"
    path.write_text(path.read_text().replace('"cat"', '"kitten"'))
    project = al.Project(tmp_path / "p")
    with pytest.raises(LabelError, match=r"expected one of the 3 classes.*'cat'"):
        project.query(3)
    assert len(labels(project)) == 4  # nothing is lost


def test_labels_that_are_gone_are_not_begun_anew_in_silence(make, tmp_path):
    project = make()
    project.train()
    project.close()
    (tmp_path / "p" / "labels.db").unlink()
    with pytest.raises(ProjectError, match=r"labels\.db is missing.*results with 4 labels"):
        make()
    assert not (tmp_path / "p" / "labels.db").exists()
    (tmp_path / "p" / "records.csv").unlink()
    assert str(al.Project(tmp_path / "p")).startswith("0 labeled")


@pytest.mark.parametrize("damage", ["remove", "cut", "empty"])
def test_features_that_are_removed_or_cut_are_computed_again(make, tmp_path, damage):
    rows = np.array(make().features.rows)
    for path in (tmp_path / "p" / "features").iterdir():
        if damage == "remove":
            path.unlink()
        elif path.suffix in (".npy", ".json"):
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    assert np.array_equal(make().features.rows, rows)


def test_a_damaged_ledger_is_reported_with_what_can_be_read(make, tmp_path):
    make().close()
    path = tmp_path / "p" / "labels.db"
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 2] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(AlkitError, match=r"labels\.db"):
        make().query(3)


def test_a_project_in_the_folder_of_its_images_does_not_label_itself(photos):
    project = al.Project(photos, images=photos, classes=CLASSES)
    assert len(project.query(12)) == 12
    assert len(al.Project(photos).features.names) == 12


def test_a_folder_that_is_a_file_is_refused(photos, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AlkitError, match="file"):
        al.Project(tmp_path / "file", images=photos, classes=CLASSES)


def test_paths_are_relative_to_the_project_and_work_from_elsewhere(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    al.Project("p", images="photos", classes=CLASSES)
    assert 'path = "../photos"' in (tmp_path / "p" / "project.toml").read_text()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert len(al.Project("../p").samples) == 12
    (tmp_path / "other" / "link").symlink_to(tmp_path / "p")
    assert len(al.Project("link", images="../photos").query(3)) == 3


def test_settings_that_another_process_has_written_meanwhile_count(make, tmp_path):
    project = make()
    other = replace(project.settings, title="other")
    assert opening.written(tmp_path / "p", other).title == "p"
    new = opening.written(tmp_path / "q", other)
    assert (new.title, al.Project(tmp_path / "q").settings.title) == ("other", "other")


def test_projects_that_are_opened_at_the_same_time_wait_for_each_other(make, tmp_path, photos):
    make()
    for k in range(5):
        rename(photos, **{f"a/{2 * k}.png": f"a/moved {k}.png"})
    with ThreadPoolExecutor(6) as threads:
        projects = list(threads.map(lambda _: make(), range(12)))
    assert all(labels(each)["a/moved 0.png"] == "cat" for each in projects)
    assert len(projects[0].ledger.live()) == 4
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda each: (each.query(2), each.train()), projects))
    assert len(projects[0].records) == 12
    assert len(list((tmp_path / "p" / "rounds").iterdir())) == 12


def test_following_is_one_transaction(tmp_path):
    with Ledger(tmp_path / "l.db") as ledger:
        assert opening.restore(ledger, ["a"]) == []
        assert opening.content(tmp_path / "nothing") == b""
