import pytest

from alkit.errors import ProjectError
from alkit.project.samples import Texts


def texts(tmp_path, content: str | bytes, suffix: str = "csv", **options) -> dict[str, str]:
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = Texts(path, **options)
    return {name: source.read(name) for name in source.names}


def test_a_line_is_a_text_named_by_its_number_and_content(tmp_path):
    found = texts(tmp_path, "one\n\ntwo words\r\n", "txt")
    assert list(found.values()) == ["one", "two words"]
    assert [name.split("-")[0] for name in found] == ["1", "3"]
    assert all(len(name.split("-")[1]) == 8 for name in found)


def test_a_table_has_a_column_of_texts(tmp_path):
    found = texts(tmp_path, 'id,text\nx,"a, b\nand c"\ny,"say ""hi"""\n')
    assert list(found.values()) == ["a, b\nand c", 'say "hi"']
    assert [name.split("-")[0] for name in found] == ["2", "4"]


def test_texts_have_the_names_of_a_column_if_asked_for(tmp_path):
    table = "id,body\nx,one\ny,two\n"
    assert texts(tmp_path, table, column="body", names="id") == {"x": "one", "y": "two"}


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        ("text\none\ntwo", "csv"),
        ("id;text\n1;one\n2;two\n", "csv"),
        ("id\ttext\n1\tone\n2\ttwo", "tsv"),
        (b"\xef\xbb\xbftext\none\ntwo", "csv"),
        ("only\none\ntwo\n\n", "csv"),
    ],
)
def test_tables_of_all_programs_are_read(tmp_path, content, suffix):
    assert list(texts(tmp_path, content, suffix).values()) == ["one", "two"]


def test_an_empty_text_is_left_out_and_named(tmp_path):
    (tmp_path / "t.csv").write_text("id,text\na,one\nb,\nc, \nd,two\n")
    source = Texts(tmp_path / "t.csv", names="id")
    assert source.names == ["a", "d"]
    assert source.problems == {"b": "the text is empty.", "c": "the text is empty."}


WRONG = {
    "one line": ("only one\n", "txt", {}, "has one text: expected at least two, one per line"),
    "nothing": ("", "txt", {}, "has no texts"),
    "no rows": ("text\n", "csv", {}, "has no texts.*row below"),
    "no column text": ("a,b\n1,2\n", "csv", {}, "name that of the texts, column=; it has a, b"),
    "a misspelled column": ("id,review\n1,2\n", "csv", {"column": "reveiw"}, "mean 'review'"),
    "a column twice": ("text,text\n1,2\n", "csv", {}, "line 1.*there twice"),
    "a name twice": ("id,text\na,x\nb,y\na,z\n", "csv", {"names": "id"}, "line 4.*line 2"),
    "an empty name": ("id,text\na,x\n ,y\n", "csv", {"names": "id"}, "line 3: the name is empty"),
    "a comma without quotes": ("id,text\n1,a\n2,b, c\n", "csv", {}, "line 3: 3 cells for 2"),
    "another kind of file": ("{}", "json", {}, "expected a .csv or .tsv"),
    "columns of lines": ("a\nb\n", "txt", {"column": "text"}, "has no columns"),
    "another encoding": (b"text\nok\ncaf\xe9\n", "csv", {}, "line 3: this is not UTF-8"),
    "a quote without end": ('text\na\n"b\n' + "c" * 200_000, "csv", {}, "line 3: field larger"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_reported_with_its_line(tmp_path, case):
    content, suffix, options, words = WRONG[case]
    with pytest.raises(ProjectError, match=words):
        texts(tmp_path, content, suffix, **options)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(ProjectError, match="cannot be read: No such file"):
        Texts(tmp_path / "t.csv")


def test_a_text_is_shown_as_it_is_and_left_to_the_page_to_escape(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("<b>é</b>\nb\n", encoding="utf-8")
    source = Texts(path)
    assert source.shown(source.names[0]) == ("<b>é</b>".encode(), "text/plain; charset=utf-8")
