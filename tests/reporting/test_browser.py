"""The page in a browser: what a person with a phone or a desktop gets to see."""

import re

import pytest
from PIL import Image

from alkit.reporting import page as report

TOO_WIDE = """
[...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect(), style = getComputedStyle(e);
  return style.clipPath === 'none' && !e.closest('thead') && box.width > 0
    && (box.right > document.documentElement.clientWidth + 0.5 || box.left < -0.5);
}).map(e => e.tagName + ': ' + e.textContent.slice(0, 40))
"""


@pytest.fixture
def full(report_records):
    """Four strategies of unequal steps with all that a page can show, and long names."""
    names = ("uniform", "margin", "badge", "a_strategy_with_a_rather_long_name_of_its_own")
    records = report_records(
        names=names,
        queried_classes=[3, 1, 0, 4, 0, 1, 2, 2, 3, 4],
        samples_seen=3200,
        seconds_score=0.1,
        peak_memory_mb=812.5,
    )
    for row in records.rows:
        row["steps"] = 2340 if row["strategy"] == "badge" else 100
        row["why"] = f"Prefilter(10, KMeansPlusPlus(GradientEmbedding())), part {row['round']}"
    records.protocol |= {
        "ceiling": {"testMulticlassAccuracy": [0.98, 0.97]},
        "failed": [{"strategy": "badge", "seed": 9, "error": "NonFiniteError: " + "x" * 90}],
        "versions": {"alkit": "0.1.0", "torch": "2.14.1+cpu"},
        "path": "/a/path/without/a/break/" + "that_goes_on_and_on_" * 6,
    }
    return records


@pytest.mark.parametrize("width", [390, 768, 1000, 1200])
def test_the_page_fits_the_screen_and_says_nothing_to_the_console(
    browser, full, tmp_path, pictures, width
):
    report.save(full, tmp_path / "report.html")
    browser.open(tmp_path / "report.html", width)
    browser.screenshot(pictures / f"report_{width}.png")
    assert browser.problems == []
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(TOO_WIDE) == []
    with Image.open(pictures / f"report_{width}.png") as image:
        assert image.width == width
        assert len(image.convert("RGB").getcolors(2**24)) > 100  # something is drawn


def test_every_image_is_shown_and_described(browser, full, tmp_path):
    report.save(full, tmp_path / "report.html")
    browser.open(tmp_path / "report.html", 390)
    images = browser.evaluate(
        "[...document.images].map(i => [i.complete && i.naturalWidth, i.width, i.alt])"
    )
    assert len(images) == 3 + 4
    for pixels, width, words in images:
        assert pixels >= 2 * width > 0  # sharp on a phone
        assert len(words) > 10


def test_a_phone_shows_a_card_a_strategy_with_the_names_of_its_numbers(browser, full, tmp_path):
    report.save(full, tmp_path / "report.html")
    browser.open(tmp_path / "report.html", 390)
    name = "getComputedStyle(document.querySelector('tbody td'), '::before').content"
    assert browser.evaluate(name) == '"trials"'
    browser.open(tmp_path / "report.html", 1200)
    assert browser.evaluate(name) == "none"
    assert browser.evaluate("getComputedStyle(document.querySelector('tr')).display") == "table-row"


@pytest.mark.parametrize("width", [390, 1000])
def test_names_of_a_usual_length_stand_on_one_line(browser, full, tmp_path, width):
    report.save(full, tmp_path / "report.html")
    browser.open(tmp_path / "report.html", width)
    lines = browser.evaluate(
        "[...document.querySelectorAll('tbody th')].slice(0, 3).map(e => {"
        "const r = document.createRange(); r.selectNodeContents(e);"
        "return r.getClientRects().length})"
    )
    assert lines == [1, 1, 1]


def test_text_has_contrast_and_a_size_that_can_be_read(browser, full, tmp_path):
    report.save(full, tmp_path / "report.html")
    browser.open(tmp_path / "report.html", 390)
    seen = browser.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,p,td,dt,dd,li,figcaption,strong')].map(e => {"
        "let b = e; while (b && getComputedStyle(b).backgroundColor === 'rgba(0, 0, 0, 0)')"
        " b = b.parentElement; const s = getComputedStyle(e);"
        "return [s.color, b ? getComputedStyle(b).backgroundColor : 'rgb(255, 255, 255)',"
        " parseFloat(s.fontSize)]})"
    )
    assert len(seen) > 50
    for ink, paper, size in seen:
        assert contrast(ink, paper) >= 4.5, (ink, paper)  # WCAG 2.2, AA
        assert size >= 14


def contrast(first, second):
    """Of two CSS colors, as WCAG 2.2 defines it."""
    lights = []
    for color in (first, second):
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_a_page_with_faults_would_be_noticed(browser, tmp_path):
    (tmp_path / "bad.html").write_text(
        "<!doctype html><meta name=viewport content='width=device-width'>"
        "<img src='missing.png'><div style='width:900px'>wide</div>"
        "<script>console.error('oh'); nowhere()</script>"
    )
    browser.open(tmp_path / "bad.html", 390)
    assert len(browser.problems) == 3
    assert browser.evaluate(TOO_WIDE) == ["DIV: wide"]
