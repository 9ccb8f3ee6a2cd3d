"""Lines and markers are distinguishable, and figures do not pile up."""

import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from alkit.errors import ConfigurationError, FolderError
from alkit.plots import style


def test_looks_differ_and_repeat_when_all_are_used():
    looks = [tuple(style.look(k).values()) for k in range(141)]
    assert len(set(looks[:140])) == 140
    assert looks[140] == looks[0]


def test_ten_classes_have_a_marker_each():
    assert len({style.look(k)["marker"] for k in range(10)}) == 10


def test_colors_differ_also_in_print_without_color():
    gray = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in map(to_rgb, style.COLORS)]
    assert len({round(value, 2) for value in gray}) == len(style.COLORS)


def test_axes_that_are_given_are_drawn_on():
    ax = plt.subplots()[1]
    assert style.axes(ax) is ax
    assert style.axes(None, 3, 2).figure.get_size_inches().tolist() == [3, 2]


def test_the_frame_is_open_and_the_note_stands_at_the_left():
    ax = style.dress(style.axes(None), "a note")
    assert ax.get_title(loc="left") == "a note"
    shown = [side for side, spine in ax.spines.items() if spine.get_visible()]
    assert sorted(shown) == ["bottom", "left"]


@pytest.mark.parametrize(("names", "inside"), [(["a", "b"], True), (list("abcdefg"), False)])
def test_a_legend_of_many_lines_stands_below_them(names, inside):
    ax = style.axes(None)
    for name in names:
        ax.plot([0, 1], [0, 1], label=name)
    style.legend(ax)
    ax.figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    assert bool(box.y0 >= ax.get_window_extent().y0) == inside


def test_long_names_stand_one_below_another():
    ax = style.axes(None)
    for name in ("a" * 30, "b" * 30):
        ax.plot([0, 1], [0, 1], label=name)
    style.legend(ax)
    assert ax.get_legend()._ncols == 1


def test_without_lines_there_is_no_error():
    style.legend(style.axes(None))


def test_images_have_no_axes():
    ax = style.bare(style.axes(None), "a note")
    assert list(ax.get_xticks()) == list(ax.get_yticks()) == []
    assert not any(spine.get_visible() for spine in ax.spines.values())


def test_a_figure_that_is_saved_is_closed(tmp_path):
    ax = style.axes(None)
    style.save(ax, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert not plt.fignum_exists(ax.figure.number)


def test_a_figure_is_written_whole_in_the_format_of_its_name(tmp_path):
    for name, start in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")):
        style.save(style.axes(None), tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    style.save(style.axes(None), str(tmp_path / "plain"))
    assert (tmp_path / "plain.png").read_bytes().startswith(b"\x89PNG")
    style.save(style.axes(None), tmp_path / "b.png", format="svg")
    assert (tmp_path / "b.png").read_bytes().startswith(b"<?xml")


def test_a_figure_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for place in ("/proc/alkit/a.png", tmp_path / "folder.png"):
        with pytest.raises(FolderError, match="cannot be written"):
            style.save(style.axes(None), place)
    with pytest.raises(ConfigurationError, match="expected a path"):
        style.save(style.axes(None), None)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]
