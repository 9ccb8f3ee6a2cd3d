"""People label digits in a browser, while the server is killed: nothing lost, nothing twice."""

import re
import shutil
from collections import Counter

import numpy as np
import pytest
from pages import Labeler, Served
from PIL import Image
from sklearn.datasets import load_digits

import alkit as al
from alkit.pool.ledger import Ledger

CLASSES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight"]
LABEL = """
import torch
torch.set_num_threads(1)
from alkit.cli import main
raise SystemExit(main({!r}))
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A folder with 600 digits from 0 to 8 as images, whose names do not give them away."""
    folder = tmp_path_factory.mktemp("labeled")
    pixels, y = load_digits(return_X_y=True)
    rows = np.flatnonzero(y < 9)[:600]
    (folder / "photos").mkdir()
    answers = {}
    for k, row in enumerate(rows):
        name = f"{k // 100}/digit {k:03d}.png"
        path = folder / "photos" / name
        path.parent.mkdir(exist_ok=True)
        image = Image.fromarray((pixels[row].reshape(8, 8) * 255 / 16).astype(np.uint8))
        image.resize((96, 96), Image.Resampling.BICUBIC).save(path)
        answers[name] = int(y[row])
    return folder, answers


class Person(Labeler):
    """A person who sees which digit it is."""

    def __init__(self, page, answers):
        super().__init__(page)
        self.answers = answers

    def label(self, n, by="key"):
        for _ in range(n):
            number = self.answers[self.shown()]
            self.press(str(number + 1)) if by == "key" else self.click(CLASSES[number])
        return self

    def given(self):
        """What was pressed: class or reason by sample."""
        reasons = {"u": "unsure", "x": "broken"}
        return {
            name: CLASSES[int(key) - 1] if key.isdigit() else reasons.get(key, key)
            for name, key in self.pressed
        }


def test_three_rounds_by_two_people_survive_two_kills_of_the_server(digits, open_page, pictures):
    folder, answers = digits
    start = ["label", "photos", "--project", "trash", "--classes", ",".join(CLASSES)]
    with Served(LABEL.format([*start, "--no-browser"]), folder) as served:
        first = open_page(served.url)
        one = Person(first, answers).label(8)
        one.press("u")
        one.undo()
        one.label(4)
        one.press("x")
        one.sent()
        first.reload()
        one.label(6)

        served.kill()  # with the last answers on their way
        served.script = LABEL.format(["label", "trash", "--no-browser"])
        served.start()
        one.label(6, by="mouse")
        one.sent()

        second = open_page(served.url, context=first.context)  # another tab of the same person
        two = Person(second, answers).label(5)
        one.label(5)
        two.label(3, by="mouse")
        ann = open_page(served.url.replace("/#", "/?as=Ann#"), width=390, height=844)
        three = Person(ann, answers).label(8)
        one.label(4)

        served.kill()
        served.start()
        three.label(6)
        one.label(6)
        for person in (one, two, three):
            person.sent()
        one.shown()
        first.screenshot(path=pictures / "labeling_1300.png")
        three.shown()
        ann.screenshot(path=pictures / "labeling_390.png")
        accuracy = first.get_by_text(re.compile(r"accuracy about [01]\.\d\d"))
        for _ in range(30):  # until the model is trained and assessed, in the background
            if accuracy.count():
                break
            one.label(1).sent()
        accuracy.first.wait_for()
        for page in (first, second, ann):
            assert page.problems == []
            assert all("127.0.0.1" in url for url in page.requested)
        assert served.stop() == 0

    with Ledger(folder / "trash" / "labels.db") as ledger:
        live = ledger.live()
    assert max(Counter(entry.sample for entry in live).values()) == 1
    mine, hers = {**one.given(), **two.given()}, three.given()
    found = {entry.sample: entry.label or entry.reason for entry in live}
    assert found == {**mine, **hers}
    assert {entry.sample for entry in live if entry.who == "Ann"} == set(hers)
    assert {entry.who for entry in live} == {"", "Ann"}
    assert not set(mine) & set(hers)
    assert any(entry.why.startswith("audit") for entry in live)

    project = al.Project(folder / "trash")
    assert str(project).startswith(f"{len(found) - 1} labeled (1 broken) of 600")
    assert project.train().accuracy.n  # known or not: an early sample leaves the later half
    guesses = project.predictions()
    right = np.mean([guess == CLASSES[answers[name]] for name, (guess, _) in guesses.items()])
    few = first_labels(folder, live, answers, 15)
    assert right > max(0.6, few)
    shutil.rmtree(folder / "fewer")


def first_labels(folder, live, answers, n):
    """Accuracy of a model of the first labels alone."""
    fewer = al.Project(folder / "fewer", images=folder / "photos", classes=CLASSES)
    labels = [entry for entry in live if entry.label][:n]
    fewer.annotate([entry.sample for entry in labels], [entry.label for entry in labels])
    guesses = fewer.predictions()
    return np.mean([guess == CLASSES[answers[name]] for name, (guess, _) in guesses.items()])
