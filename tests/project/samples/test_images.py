import os
from pathlib import Path

import pytest

from alkit.errors import ProjectError
from alkit.project.samples import Images


def names(folder: Path, **options) -> list[str]:
    return list(Images(folder, **options).names)


def test_names_are_relative_paths_in_order_with_their_case(tmp_path, save):
    for name in ("b.JPG", "B.jpg", "sub dir/Ünder/x.png", "a.tiff", "a.webp"):
        save(tmp_path / name)
    assert names(tmp_path) == ["B.jpg", "a.tiff", "a.webp", "b.JPG", "sub dir/Ünder/x.png"]


def test_hidden_files_and_folders_and_other_files_are_skipped(tmp_path, save):
    for name in ("a.png", ".hidden.png", "._a.png", ".git/x.png", "d/.cache/y.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "folder.png").mkdir()
    assert names(tmp_path) == ["a.png"]


def test_the_folder_of_the_project_is_left_out(tmp_path, save):
    save(tmp_path / "a.png")
    save(tmp_path / "project" / "thumbnail.png")
    assert names(tmp_path, leave_out=tmp_path / "project") == ["a.png"]
    assert names(tmp_path, leave_out=tmp_path / "not there yet") == [
        "a.png",
        "project/thumbnail.png",
    ]
    assert names(tmp_path, leave_out=tmp_path) == ["a.png", "project/thumbnail.png"]


def test_links_in_circles_end_and_a_linked_folder_is_read_under_its_own_name(tmp_path, save):
    save(tmp_path / "photos" / "real" / "a.png")
    save(tmp_path / "elsewhere" / "b.png")
    for link, target in {
        "aaa": "real",
        "real/up": "..",
        "itself": "itself",
        "far": "../elsewhere",
        "far again": "../elsewhere",
        "c.png": "real/a.png",
    }.items():
        os.symlink(target, tmp_path / "photos" / link)
    assert names(tmp_path / "photos") == ["c.png", "far/b.png", "real/a.png"]


def test_a_folder_without_images_is_reported_with_what_is_in_it(tmp_path):
    with pytest.raises(ProjectError, match=r"has no images.*others\)\.$"):
        Images(tmp_path)
    for name in ("a.pdf", "b.pdf", "c.HEIC", "d"):
        (tmp_path / name).write_text("")
    with pytest.raises(ProjectError, match=r"2 \.pdf, 1 \.heic, 1 no suffix\. Convert the HEIC"):
        Images(tmp_path)
    (tmp_path / "c.HEIC").rename(tmp_path / "c.csv")
    with pytest.raises(ProjectError, match="texts="):
        Images(tmp_path)


def test_a_folder_that_is_missing_or_a_file_is_reported(tmp_path):
    with pytest.raises(ProjectError, match=r"there is no folder.*not connected"):
        Images(tmp_path / "photos")
    (tmp_path / "photos").write_text("")
    with pytest.raises(ProjectError, match="is a file, not a folder"):
        Images(tmp_path / "photos")


def test_two_names_that_look_the_same_are_reported_and_both_kept(tmp_path, save):
    save(tmp_path / "caf\u00e9.png", 1)
    save(tmp_path / "cafe\u0301.png", 2)
    source = Images(tmp_path)
    assert len(source.names) == 2
    assert source.look_alikes == [["cafe\u0301.png", "caf\u00e9.png"]]
    assert [source.image(name).getpixel((0, 0)) for name in source.names] == [
        Images(tmp_path).read(name).getpixel((0, 0)) for name in source.names
    ]


def test_names_that_are_not_unicode_or_have_spaces_around_them_are_left_out(tmp_path, save):
    save(tmp_path / "a.png")
    save(tmp_path / " b.png")
    content = (tmp_path / "a.png").read_bytes()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/c\xff.png")).write_bytes(content)
    source = Images(tmp_path)
    assert source.names == ["a.png"]
    assert source.problems == {
        " b.png": "its path begins or ends with a space; rename it.",
        "c?.png": "its name is not UTF-8; rename the file.",
    }


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads all folders")
def test_a_folder_without_permission_is_a_problem(tmp_path, save):
    save(tmp_path / "a.png")
    save(tmp_path / "closed" / "b.png")
    (tmp_path / "closed").chmod(0)
    try:
        assert "Permission denied" in Images(tmp_path).problems["closed/"]
    finally:
        (tmp_path / "closed").chmod(0o700)
