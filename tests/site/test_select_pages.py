"""The pages on selecting with files: their commands run, and their snippets write what alkit reads.

LightlyStudio and FiftyOne are not installed. Stand-ins have the calls of their documentation that
the snippets use, so the tests are about the files that go back and forth.
"""

import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import alkit as al
from alkit.cli import main

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
N = 400
NAMES = [f"cats/img_{row}.jpg" for row in range(N)]


def blocks(page, language):
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(page):
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("e.npy", rng.normal(size=(N, 4)).astype(np.float32))
    np.save("p.npy", rng.dirichlet(np.ones(3), N))
    Path("names.txt").write_text("\n".join(NAMES))
    return tmp_path


def names_in(path):
    return [line.split(",")[0] for line in Path(path).read_text().splitlines()[1:]]


def test_the_commands_of_the_page_on_files_run_in_their_order(here):
    Path("done.csv").write_text("name,label\n" + "".join(f"{name},\n" for name in NAMES[:50]))
    Path("s.csv").write_text("name,score\n" + "".join(f"{name},{len(name)}\n" for name in NAMES))
    (here / "tags").mkdir()
    (here / "tags" / "sharp.txt").write_text("\n".join(NAMES[100:200]))
    for command in commands("select_on_files.md"):
        assert main(command) == 0
    chosen = [name for number in (1, 2, 3) for name in names_in(f"tags/round-{number}.csv")]
    assert len(set(chosen)) == len(chosen) == 250
    assert set(chosen).isdisjoint(NAMES[:50])
    assert len(json.loads(Path("next.json").read_text())) == 20
    pool = al.ActiveLearningDataset(range(N), names=NAMES)
    Path("queue.csv").write_text(Path("queue.csv").read_text().replace(",\n", ",1\n"))
    pool.annotate("queue.csv")
    assert set(pool.annotated_indices.tolist()) <= set(range(100, 200))


class Sample:
    """A sample of LightlyStudio."""

    def __init__(self, path):
        self.file_path_abs, self.tags, self.annotations = str(path), set(), []

    def add_tag(self, tag):
        self.tags.add(tag)


class LightlyDataset(list):
    def add_images_from_path(self, path):
        self.extend(Sample(Path(path) / name) for name in reversed(NAMES))

    def match(self, tag):
        return [sample for sample in self if tag in sample.tags]


class ClassificationAnnotation:
    class_name = "cat"


def modules(monkeypatch, **contents):
    for name, content in contents.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name.replace("__", "."), module)


def rounds_of(page, tag, bring_back, annotated):
    """Run the commands and snippets of a page, with the work of a person in between."""
    first, second = commands(page)
    assert main(first) == 0
    exec(tag, {})
    chosen = names_in("tags/round-1.csv")
    annotated(chosen)
    exec(bring_back, {})
    assert sorted(names_in("done.csv")) == sorted(chosen)
    pool = al.ActiveLearningDataset(range(N), names=NAMES, classes=["dog", "cat"])
    pool.annotate("done.csv")
    assert len(pool.annotated_indices) == 100
    assert main(second) == 0
    again = names_in("tags/round-2.csv")
    assert len(set(again)) == 100
    assert set(again) <= set(NAMES[::2]) - set(chosen)


def test_names_go_to_lightly_studio_and_labels_come_back(monkeypatch):
    dataset = LightlyDataset()
    factory = SimpleNamespace(load_or_create=lambda name: dataset, load=lambda name: dataset)
    modules(
        monkeypatch,
        lightly_studio={"ImageDataset": factory, "start_gui": lambda: None},
        lightly_studio__core={},
        lightly_studio__core__annotation={"ClassificationAnnotation": ClassificationAnnotation},
        lightly_studio__core__dataset_query={
            "ImageSampleField": SimpleNamespace(tags=SimpleNamespace(contains=lambda tag: tag))
        },
    )

    def annotated(chosen):
        tagged = dataset.match("round-1")
        assert {sample.file_path_abs for sample in tagged} == {
            str(Path("photos").resolve() / name) for name in chosen
        }
        for sample in tagged:
            sample.annotations += [ClassificationAnnotation(), object()]
        for sample in dataset:
            if int(re.findall(r"\d+", sample.file_path_abs)[-1]) % 2 == 0:
                sample.add_tag("sharp")

    rounds_of("lightly_studio.md", *blocks("lightly_studio.md", "py"), annotated)


class View(list):
    """Samples of FiftyOne."""

    def values(self, field):
        return [sample[field] for sample in self]

    def select_by(self, field, values, ordered):
        found = {sample[field]: sample for sample in self}
        return View(found[value] for value in values if value in found)

    def tag_samples(self, tag):
        for sample in self:
            sample["tags"].append(tag)

    def match_tags(self, tag):
        return View(sample for sample in self if tag in sample["tags"])

    def exists(self, field):
        return View(sample for sample in self if field in sample)

    def compute_embeddings(self, model, skip_failures):
        return np.random.default_rng(1).normal(size=(len(self), 4)).astype(np.float32)


def test_names_go_to_fiftyone_and_labels_come_back(monkeypatch):
    photos = Path("photos").resolve()
    dataset = View({"filepath": str(photos / name), "tags": []} for name in NAMES)
    session = SimpleNamespace(wait=lambda: None)
    modules(
        monkeypatch,
        fiftyone={
            "Dataset": SimpleNamespace(from_images_dir=lambda path, name, persistent: dataset),
            "load_dataset": lambda name: dataset,
            "launch_app": lambda view: session,
        },
        fiftyone__zoo={"load_zoo_model": lambda name: None},
    )
    sys.modules["fiftyone"].zoo = sys.modules["fiftyone.zoo"]
    embed, tag, bring_back = blocks("fiftyone.md", "py")
    exec(embed, {})
    assert Path("names.txt").read_text().splitlines() == NAMES

    def annotated(chosen):
        assert len(dataset.match_tags("round-1")) == 100
        for sample in dataset.match_tags("round-1"):
            sample["ground_truth"], sample["ground_truth.label"] = object(), "cat"
        View(dataset[::2]).tag_samples("sharp")

    rounds_of("fiftyone.md", tag, bring_back, annotated)
