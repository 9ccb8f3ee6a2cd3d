"""The site in a browser: as a person with a desktop or a phone gets to see it."""

import re

import pytest
from PIL import Image

PAGES = [
    "index.html",
    "tour.html",
    "lessons.html",
    "tutorials/05_selectors.html",
    "notebooks/failure_museum.html",
    "methods.html",
    "speed.html",
    "api/criteria.html",
    "how-to/label_files.html",
    "how-to/resume_a_run.html",
    "how-to/when_to_stop.html",
    "coming_from/baal.html",
]
SEARCH = """
document.querySelector('label[for=__search]').click();
const field = document.querySelector('input.md-search__input');
field.focus(); field.value = 'margin';
field.dispatchEvent(new Event('input', {bubbles: true}));
field.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true, key: 'n'}));
true
"""


@pytest.mark.parametrize("width", [390, 1300])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_the_screen_and_says_nothing_to_the_console(
    browser, address, pictures, page, width
):
    browser.open(f"{address}/{page}", width)
    file = pictures / f"site_{re.sub('[^a-z0-9]', '_', page)}_{width}.png"
    browser.screenshot(file, whole=False)
    assert browser.problems == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.querySelector('article').innerText.length") > 200
    with Image.open(file) as image:
        assert len(image.convert("RGB").getcolors(2**24)) > 20  # something is drawn


def test_home_is_one_screen_with_one_picture(browser, address):
    browser.open(f"{address}/index.html", 1300, 850)
    assert browser.evaluate("document.querySelectorAll('article img').length") == 1
    bottom = browser.evaluate("document.querySelector('article').getBoundingClientRect().bottom")
    assert bottom <= 850


def test_every_picture_of_a_notebook_is_shown_and_described(browser, address):
    browser.open(f"{address}/notebooks/failure_museum.html", 1300)
    images = browser.evaluate(
        "[...document.querySelectorAll('article img')].map(i => [i.naturalWidth, i.alt])"
    )
    assert len(images) > 3
    for width, words in images:
        assert width > 100
        assert len(words) > 10


def test_the_search_finds_margin(browser, address):
    browser.open(f"{address}/index.html", 1300)
    assert browser.evaluate(SEARCH)
    browser.wait_for("document.querySelectorAll('.md-search-result__link').length > 3")
    found = browser.evaluate("document.querySelector('.md-search-result').innerText").lower()
    assert "margin" in found
    assert browser.problems == []


def test_nothing_is_fetched_from_elsewhere(browser, address):
    for page in PAGES:
        browser.open(f"{address}/{page}", 1300)
        loaded = browser.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
        assert [name for name in loaded if not name.startswith((address, "data:"))] == []
