import os
import resource
import signal
from html.parser import HTMLParser

import pytest

from alkit.errors import ConfigurationError, FolderError, RecordsError
from alkit.reporting import page as report
from alkit.reporting.result import Result
from alkit.reporting.verdict import cautions, findings, warnings


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.links += [v for k, v in attributes if k in ("src", "href")]
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_opens_on_its_own(report_records, tmp_path):
    report.save(report_records(), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert all(link.startswith("data:") for link in page.links)
    assert sum(link.startswith("data:image/png;base64,") for link in page.links) == 2
    assert "viewport" in text
    assert "<script" not in text


def test_the_page_shows_table_and_protocol_and_escapes_names(report_records):
    page = Page(report.page(report_records()))
    for words in ("digits & co", "a<b", "0.105 (", "max steps", "records.csv", "2 paired trials"):
        assert words in page.text


def test_every_sentence_of_the_verdict_is_on_the_page(report_records):
    for records in (report_records(), report_records(1), report_records(names=["uniform"])):
        records.rows[0]["steps"] += 5
        text = Page(report.page(records)).text
        for sentence in (*warnings(records), *findings(records), *cautions(records)):
            assert sentence in text


def test_three_strategies_have_a_penalty_matrix_if_trials_are_repeated(report_records):
    names = ("uniform", "a", "b")
    assert "Penalty matrix" in report.page(report_records(2, names))
    assert "Penalty matrix" not in report.page(report_records(1, names))
    assert "Penalty matrix" not in report.page(report_records(2))


def test_the_page_lists_the_rule_of_each_query_if_it_changes(report_records):
    changing = report_records()
    for row in changing.rows:
        row["why"] = "TopK()" if row["strategy"] == "uniform" else f"Power() <{row['round']}>"
    page = Page(report.page(changing))
    assert "a<b: rule by labels spent (first trial)" in page.text
    assert page.text.count("Power() <0>") == page.text.count("Power() <1>") == 1
    assert "TopK()" not in page.text


def test_the_classes_of_the_queries_are_a_figure_per_strategy(report_records):
    records = report_records(queried_classes=[1, 2])
    assert report.page(records).count("<figure>") == 4
    for row in records.rows:
        if row["strategy"] == "uniform":
            row["queried_classes"] = []
    assert report.page(records).count("<figure>") == 3


@pytest.mark.parametrize("nested", [True, False])
def test_versions_and_seeds_have_places_of_their_own(report_records, nested):
    records = report_records()
    versions = {"torch": "2.9.9", "python": "3.12.0"}
    records.protocol |= {"versions": versions} if nested else versions
    before, after = Page(report.page(records)).text.split("Versions")
    assert "2.9.9" in after
    assert "2.9.9" not in before
    assert "0, 1" in before.split("Seeds")[1]


def test_the_protocol_is_written_out_whatever_it_holds(report_records):
    records = report_records()
    records.protocol |= {"ceiling": {"testAccuracy": [0.5, 0.25]}, "deep": {"a": [1, {"b": None}]}}
    text = Page(report.page(records)).text
    assert "testAccuracy: 0.5, 0.25" in text
    assert "a: 1, b: None" in text


def test_a_page_that_cannot_be_written_leaves_the_old_one(report_records, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("the old one")
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # stands for a full disk
        status = 1
        try:
            report.save(report_records(), path)
        except FolderError as error:
            status = 0 if "cannot be written" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    for place in ("/proc/alkit/report.html", tmp_path):
        with pytest.raises(FolderError, match="cannot be written"):
            report.save(report_records(), place)


def test_what_is_no_path_or_has_no_rows_is_refused(report_records, tmp_path):
    with pytest.raises(ConfigurationError, match="expected a path"):
        report.save(report_records(), None)
    with pytest.raises(RecordsError, match="no rows"):
        Result([], {}).report(tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_the_parts_of_strategies_are_not_on_the_page(report_records):
    records = report_records()
    records.protocol["parts"] = {"margin": {"network": {"0": "Linear(in_features=17)"}}}
    assert "in_features=17" not in report.page(records)
