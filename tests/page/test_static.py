"""The page in a browser: what is pressed is in the ledger, whatever happens to the server."""

import pytest
from pages import Labeler, Served
from PIL import Image

from alkit.pool.ledger import Ledger

CLASSES = [f"digit {k}" for k in range(4)]
SCRIPT = """
from pathlib import Path
from pages import Listed
from alkit.page import Desk, serve, shown
from alkit.pool.ledger import Ledger

folder = Path("images")
ledger = Ledger("labels.db")
questions = Listed(sorted(path.name for path in folder.iterdir()), {guesses})
questions.answered(ledger.entries())
desk = Desk(ledger, {classes}, questions{desk})
serve(desk, lambda name: shown(folder / name), open_browser=False, title="digits"{serve})
"""


def script(classes=CLASSES, guesses=None, desk="", serve=""):
    return SCRIPT.format(classes=classes, guesses=guesses or {}, desk=desk, serve=serve)


@pytest.fixture
def folder(tmp_path):
    """A folder with 40 small PNG files."""
    (tmp_path / "images").mkdir()
    for k in range(40):
        image = Image.new("L", (28, 28), 6 * k)
        image.putpixel((k % 28, k // 28), 255)
        image.save(tmp_path / "images" / f"{k:02}.png")
    return tmp_path


def stored(folder):
    """Live answers in the ledger: (sample, label or reason)."""
    live = Ledger(folder / "labels.db").live()
    return sorted((entry.sample, entry.label or entry.reason) for entry in live)


def pressed(*labelers, classes=CLASSES):
    meant = {f"{k + 1}": name for k, name in enumerate(classes)} | {"u": "unsure", "x": "broken"}
    return sorted((name, meant.get(key, key)) for who in labelers for name, key in who.pressed)


def test_keys_mouse_and_undo_arrive_in_the_ledger(folder, open_page):
    with Served(script(), folder) as served:
        page = open_page(served.url)
        person = Labeler(page)
        for k in range(20):
            person.press("1234ux"[k % 6])
            if k % 5 == 4:
                person.undo()
                person.click(CLASSES[k % 4])
        for _ in range(20):
            person.press("2")
        assert person.end() == "done"
        person.sent()
        assert served.stop() == 0
        assert page.problems == []
    assert stored(folder) == pressed(person)
    assert len({name for name, _ in person.pressed}) == 40
