import pytest

from alkit.errors import ProjectError
from alkit.reading import text_of


def test_a_text_is_read_without_byte_order_mark_and_with_plain_line_ends(tmp_path):
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbfa\r\nb\n")
    assert text_of(tmp_path / "t") == "a\nb\n"


def test_what_cannot_be_read_is_reported(tmp_path):
    with pytest.raises(ProjectError, match=r"there is no file .*t, which is needed\."):
        text_of(tmp_path / "t", ", which is needed")
    with pytest.raises(ProjectError, match="cannot be read: Is a directory"):
        text_of(tmp_path)
    for content in (b"a\nb\xff\n", b"\xef\xbb\xbfa\n\xff\n"):
        (tmp_path / "t").write_bytes(content)
        with pytest.raises(ProjectError, match="line 2: this is not UTF-8"):
            text_of(tmp_path / "t")
