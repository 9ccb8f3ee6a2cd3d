import time
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alkit.errors import FolderError, ProjectError
from alkit.project.settings import (
    FILE,
    AskingSettings,
    Data,
    FeatureSettings,
    ModelSettings,
    Settings,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
maybe = st.none() | texts
classes = st.lists(
    texts.map(str.strip).filter(bool), min_size=2, max_size=6, unique_by=lambda name: name
)
options = st.dictionaries(texts, st.booleans() | st.integers(-9, 9) | texts, max_size=3)
settings = st.builds(
    Settings,
    classes=st.lists(st.sampled_from("abcdefgé日"), min_size=2, unique=True).map(tuple),
    data=st.builds(
        Data, st.sampled_from(["images", "texts", "embeddings"]), texts, names=maybe, column=maybe
    ),
    title=st.just("") | texts,
    features=st.builds(FeatureSettings, maybe, maybe),
    model=st.builds(ModelSettings, texts, options),
    asking=st.builds(
        AskingSettings,
        st.integers(1, 999),
        st.floats(0, 1),
        st.integers(1, 9),
        st.integers(0, 2**63 - 1),
    ),
    created=st.none() | st.datetimes(),
)


@given(settings)
def test_settings_are_read_as_they_were_written(tmp_path_factory, wanted):
    path = tmp_path_factory.mktemp("project") / FILE
    wanted.write(path)
    assert Settings.read(path) == wanted


def test_the_file_that_is_written_is_one_that_people_read(tmp_path):
    settings = Settings(
        ("glass", "paper"),
        Data("images", "../photos"),
        title="trash",
        asking=AskingSettings(seed=7),
        created=datetime(2026, 11, 29, 13),
    )
    settings.write(tmp_path / FILE)
    lines = (tmp_path / FILE).read_text().splitlines()
    assert lines[0].startswith("# ")
    assert lines[1:5] == [
        "version = 1",
        'title = "trash"',
        "created = 2026-11-29T13:00:00",
        'classes = ["glass", "paper"]',
    ]
    assert 'path = "../photos"' in lines
    assert "seed = 7" in lines


def read(tmp_path: Path, text: str | bytes) -> Settings:
    path = tmp_path / FILE
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Settings.read(path)


GOOD = 'classes = ["a", "b"]\n[data]\npath = "photos"\n'


def test_what_is_left_out_has_its_default(tmp_path):
    read_settings = read(tmp_path, GOOD)
    assert read_settings == Settings(("a", "b"), Data("images", "photos"))
    assert read_settings.asking.audit == 0.2
    assert read_settings.asking.votes == 1


@pytest.mark.parametrize(
    "text",
    [b"\xef\xbb\xbf" + GOOD.encode(), GOOD.replace("\n", "\r\n"), "# a comment\n" + GOOD],
    ids=["byte order mark", "line ends of Windows", "comment"],
)
def test_files_of_all_editors_are_read(tmp_path, text):
    assert read(tmp_path, text).classes == ("a", "b")


DATA = "[data]\npath = 'x'\n"
WRONG = {
    "a class twice": (
        'classes = [\n"a",\n"b",\n"a",\n]\n' + DATA,
        4,
        "'a' is there twice",
    ),
    "a class in two forms of unicode": (
        'classes = [\n"\u00e9",\n"e\u0301",\n]\n' + DATA,
        3,
        "is there twice, as number 1 and 2",
    ),
    "an empty class": (
        'classes = [\n"a",\n"",\n"b"\n]\n' + DATA,
        3,
        "class 2 of 3 is empty",
    ),
    "a class of spaces": (
        'classes = ["a", " ", "b"]\n' + DATA,
        1,
        "class 2 of 3 is empty",
    ),
    "spaces around a class": ('classes = ["a", " b"]\n' + DATA, 1, "spaces around it"),
    "no classes": (
        'title = "t"\nclasses = []\n' + DATA,
        2,
        "two classes or more, got none",
    ),
    "one class": ('classes = ["cat"]\n' + DATA, 1, "got only 'cat'.*\"other\""),
    "classes that are numbers": ("classes = [\n0,\n1]\n" + DATA, 2, 'write "0"'),
    "classes that are one text": ("classes = 'a, b'\n" + DATA, 1, "a list of texts"),
    "a newer version": ("\nversion = 2\nfuture = 1\n" + GOOD, 2, "newer alkit.*pip install -U"),
    "a version that is not one": ("version = '1'\n" + GOOD, 1, "a whole number"),
    "a misspelled key": ("clases = ['a']\n" + GOOD, 1, "Did you mean 'classes'"),
    "a misspelled key in a table": (GOOD + "[asking]\nadit = 0.1", 5, "Did you mean 'audit'"),
    "a key in the wrong table": (GOOD + "classes = ['a']", 4, r"'classes' in \[data\]"),
    "an unknown kind": (GOOD + "kind = 'image'", 4, "Did you mean 'images'"),
    "no path": ("classes = ['a', 'b']\n\n[data]\nkind='texts'", 3, "need the path"),
    "an audit of 20": (GOOD + "[asking]\nseed = 1\naudit = 20", 6, "share from 0 to 1, got 20"),
    "an audit that is not a number": (GOOD + "[asking]\naudit = nan", 5, "share from 0 to 1"),
    "a batch of none": (GOOD + "[asking]\nbatch = 0", 5, "at least 1"),
    "a batch in a text": (GOOD + "[asking]\nbatch = '9'", 5, "a whole number, got '9'"),
    "a batch that is true": (GOOD + "[asking]\nbatch = true", 5, "a whole number"),
    "a table that is a text": ("classes = ['a', 'b']\ndata = 'x'", 2, "must be a table"),
    "a time that is a text": ("created = 'now'\n" + GOOD, 1, "a date and time"),
    "a line that is not TOML": ("classes = ['a', 'b'\n[data\n", 2, "not valid TOML"),
    "a path of Windows": (GOOD.replace("photos", "C:\\photos"), 3, "write / instead"),
    "text that is not UTF-8": (b"title = 'a'\nclasses = ['\xe9']", 2, "UTF-8"),
    "the same key twice": (GOOD + "path = 'y'", 4, "not valid TOML"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_error_names_the_file_the_line_and_what_is_wrong(tmp_path, case):
    text, line, words = WRONG[case]
    with pytest.raises(ProjectError, match=words) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / FILE))
    assert f"line {line}" in str(caught.value), str(caught.value)


def test_a_missing_setting_is_named(tmp_path):
    with pytest.raises(ProjectError, match=f"{FILE}: the setting 'classes' is missing"):
        read(tmp_path, "[data]\npath = 'x'")


def test_a_folder_that_is_not_a_project_is_named(tmp_path):
    with pytest.raises(ProjectError, match="is not a project"):
        Settings.read(tmp_path / FILE)


def test_5000_classes_are_accepted_and_the_repeated_one_is_found_quickly(tmp_path):
    names = [f"class {number}" for number in range(5000)]
    Settings(tuple(names), Data("images", "photos")).write(tmp_path / FILE)
    assert Settings.read(tmp_path / FILE).classes == tuple(names)
    names[4321] = "class 7"
    lines = "".join(f'"{name}",\n' for name in names)
    start = time.perf_counter()
    with pytest.raises(ProjectError, match=r"line 4323.*number 8 and 4322"):
        read(tmp_path, f"classes = [\n{lines}]\n[data]\npath = 'x'")
    assert time.perf_counter() - start < 5


def test_settings_made_in_python_are_checked_too():
    with pytest.raises(ProjectError, match="got none"):
        Settings((), Data("images", "photos"))
    with pytest.raises(ProjectError, match="Did you mean 'texts'"):
        Data("text", "x.csv")


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot be written"):
        Settings(("a", "b"), Data("images", "x")).write(tmp_path / "file" / FILE)
