"""The figures of a page are embedded images, described in words."""

import base64
import re

import pytest
from matplotlib import image
from matplotlib import pyplot as plt

from alkit.reporting.figures import WIDTH, figures


def parts(figure):
    title, alt, data = re.fullmatch(
        r'<figure><figcaption>(.*)</figcaption><img alt="(.*)" '
        r'src="data:image/png;base64,(.*)"></figure>',
        figure,
    ).groups()
    return title, alt, base64.b64decode(data)


def test_there_are_curves_and_the_labels_that_were_needed(report_records):
    titles = [parts(figure)[0] for figure in figures(report_records())]
    assert titles == ["Learning curves", "Labels needed"]


@pytest.mark.parametrize(("trials", "drawn"), [(1, False), (2, True)])
def test_who_beat_whom_takes_three_strategies_and_two_trials(report_records, trials, drawn):
    titles = [parts(figure)[0] for figure in figures(report_records(trials, ("a", "b", "c")))]
    assert ("Penalty matrix" in titles) is drawn


def test_the_queried_classes_are_a_figure_per_strategy(report_records):
    records = report_records(queried_classes=[3, 4, 3])
    titles = [parts(figure)[0] for figure in figures(records)]
    assert titles[2:] == ["Classes queried by uniform", "Classes queried by a&lt;b"]


def test_each_says_in_words_what_it_shows_with_names_escaped(report_records):
    for figure in figures(report_records()):
        title, alt, _ = parts(figure)
        assert alt.startswith(title)
        assert "a&lt;b" in alt


def test_each_is_an_image_of_the_width_of_a_phone_and_none_stays_open(report_records, tmp_path):
    before = plt.get_fignums()
    for figure in figures(report_records()):
        (tmp_path / "figure.png").write_bytes(parts(figure)[2])
        assert image.imread(tmp_path / "figure.png").shape[1] == pytest.approx(220 * WIDTH, abs=2)
    assert plt.get_fignums() == before
