from html.parser import HTMLParser

import matplotlib

matplotlib.use("Agg")

from alkit import report
from alkit.result import Result


def result(trials=2):
    rows = [
        {
            "strategy": name,
            "seed": seed,
            "round": r,
            "annotated": 10 * (r + 1),
            "steps": 7,
            "testMulticlassAccuracy": value + 0.1 * r,
            "seconds_train": 0.25,
            "picked": [],
        }
        for name, value in (("uniform", 0.5), ("a<b", 0.6))
        for seed in range(trials)
        for r in range(2)
    ]
    return Result(rows, {"seeds": list(range(trials)), "dataset": "digits & co", "max_steps": 7})


def test_the_table_says_what_came_out():
    lines = report.table(result())
    assert lines[0] == ["uniform", "0.600", "0.600 - 0.600", "0.550", "", "", "0.25"]
    assert lines[1] == ["a<b", "0.700", "0.700 - 0.700", "0.650", "+0.100", "2 of 2", "0.25"]


def test_the_text_stands_in_columns_that_fit_a_terminal():
    lines = report.as_text(result()).split("\n")
    assert lines[0].startswith("strategy ")
    assert lines[0].endswith("s/round")
    assert max(map(len, lines)) <= 80
    assert len({len(line) for line in lines}) == 1


def test_the_legend_warns_that_few_trials_cannot_rank():
    assert "2 trials cannot rank" in report.legend(result())
    assert "1 trial cannot rank" in report.legend(result(1))
    assert "cannot rank" not in report.legend(result(10))
    assert "7 gradient steps" in report.legend(result())


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.links += [v for k, v in attributes if k in ("src", "href")]
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_opens_on_its_own(tmp_path):
    report.save(result(), tmp_path / "report.html")
    page = Page()
    page.feed((tmp_path / "report.html").read_text())
    assert page.open == []
    assert all(link.startswith("data:") for link in page.links)
    assert any(link.startswith("data:image/png;base64,") for link in page.links)
    assert "viewport" in (tmp_path / "report.html").read_text()


def test_the_page_tells_why_where_the_choice_changes():
    changing = result()
    for row in changing.rows:
        row["why"] = "TopK()" if row["strategy"] == "uniform" else f"Power() <{row['round']}>"
    page = Page()
    page.feed(report.page(changing))
    assert page.open == []
    assert "a<b: why, by labels spent (first trial)" in page.text
    assert page.text.count("Power() <0>") == page.text.count("Power() <1>") == 1
    assert "TopK()" not in page.text


def test_the_page_shows_table_and_protocol_and_escapes_names():
    page = Page()
    page.feed(report.page(result()))
    assert "digits & co" in page.text
    assert "a<b" in page.text
    assert "+0.100" in page.text
    assert "max steps" in page.text
