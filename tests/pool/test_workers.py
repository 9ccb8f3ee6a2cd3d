"""Sources of large pools in workers that are forked and spawned; what cannot be sent to these."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, Subset

import alkit as al
from alkit.errors import ConfigurationError
from alkit.pool.loaders import eval_loader, scoring_loader

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "pool_larger_than_memory.md"
COUNT = 24

# h5py and datasets are packages of the tests: without them, the other sources are tested
HAS = {name: find_spec(name) is not None for name in ("h5py", "datasets")}
SOURCES = {"memmap": None, "images": None, "hdf5": "h5py", "lazy hdf5": "h5py", "arrow": "datasets"}

LAZY = '''
class Lazy(Dataset):
    """Rows of an HDF5 file that stays open from the first read on."""

    def __init__(self, path, labels):
        self.path, self.labels, self.file = path, labels, None

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        if self.file is None:
            self.file = h5py.File(self.path)
        return torch.from_numpy(self.file["x"][index]), self.labels[index]
'''

# One loader for all sources, since the start of its two workers takes seconds: a batch is of one
# source. The main module imports what the workers need not.
SCRIPT = """
from torch.utils.data import Dataset

import sources


class Several(Dataset):
    def __init__(self, parts, count):
        self.parts, self.count = parts, count

    def __len__(self):
        return self.count * len(self.parts)

    def __getitem__(self, index):
        return self.__getitems__([index])[0]

    def __getitems__(self, indices):
        part = self.parts[indices[0] // self.count]
        places = [index % self.count for index in indices]
        if hasattr(part, "__getitems__"):
            return part.__getitems__(places)
        return [part[place] for place in places]


if __name__ == "__main__":
    import json
    import sys
    from pathlib import Path

    import alkit as al
    from alkit.pool.loaders import scoring_loader

    wanted, count = json.loads(sys.argv[1]), int(sys.argv[2])
    pool = al.ActiveLearningDataset(Several([sources.made(name) for name in wanted], count))
    for k in range(len(wanted)):
        pool[k * count]  # opened in this process first
    found = {}
    options = {"num_workers": 2, "multiprocessing_context": "spawn"}
    for ids, batch in scoring_loader(pool.unannotated, count // 2, **options):
        x = batch["x"] if isinstance(batch, dict) else batch
        found.setdefault(wanted[int(ids[0]) // count], []).extend(x.flatten(1).tolist())
    Path("found.json").write_text(json.dumps(found))
"""

MADE = '''
def made(name):
    """The dataset of a source, of the files in this folder."""
    labels = torch.arange(COUNT) % 3
    if name == "memmap":
        return Rows("rows.npy", labels)
    if name == "images":
        from torchvision.datasets import ImageFolder
        from torchvision.transforms import ToTensor

        return ImageFolder("photos", ToTensor())
    if name == "arrow":
        return datasets.load_from_disk("arrow").with_format("torch")
    return (Lazy if "lazy" in name else RowsOfHDF5)("rows.h5", labels)
'''


def module_of_sources() -> str:
    """The classes that the page on large pools shows, and a dataset of each source."""
    page = PAGE.read_text(encoding="utf-8")
    (classes,) = [part for part in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
                  if "class Rows(" in part]  # fmt: skip
    imports = [f"import {name}" for name, here in HAS.items() if here]
    classes = classes.replace("import h5py\n", "")
    return "\n".join([*imports, classes, LAZY, f"COUNT = {COUNT}", MADE])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of all sources, and the module that reads them."""
    folder = tmp_path_factory.mktemp("sources")
    rng = np.random.default_rng(0)
    rows = rng.random((COUNT, 6), np.float32)
    np.save(folder / "rows.npy", rows)
    for k in range(COUNT):
        path = folder / "photos" / "ab"[k * 2 // COUNT] / f"{k:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (1, 2, 3), np.uint8)).save(path)
    if HAS["h5py"]:
        import h5py

        with h5py.File(folder / "rows.h5", "w") as file:
            file["x"] = rows
    if HAS["datasets"]:
        import datasets

        columns = {"x": rows, "label": [k % 3 for k in range(COUNT)]}
        datasets.Dataset.from_dict(columns).save_to_disk(folder / "arrow")
    (folder / "sources.py").write_text(module_of_sources())
    (folder / "script.py").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    """Inputs of the samples of each source, ``(COUNT, 6)``, read without alkit."""
    images = sorted((folder / "photos").glob("*/*.png"))
    pixels = [np.asarray(Image.open(path), np.float32).transpose(2, 0, 1) / 255 for path in images]
    rows = np.load(folder / "rows.npy")
    return {name: np.stack(pixels).reshape(COUNT, 6) if name == "images" else rows
            for name in SOURCES}  # fmt: skip


@pytest.fixture(scope="module")
def spawned(folder):
    """Inputs of each source, as two spawned workers read them."""
    wanted = [name for name, package in SOURCES.items() if package is None or HAS[package]]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "script.py", json.dumps(wanted), str(COUNT)]
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=600)
    return json.loads((folder / "found.json").read_text())


def needed(name):
    if SOURCES[name] and not HAS[SOURCES[name]]:
        pytest.skip(f"{SOURCES[name]} is not installed: pip install 'alkit[test]'")


@pytest.fixture
def made(folder, monkeypatch):
    """Makes the dataset of a source in this process."""
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(compile((folder / "sources.py").read_text(), "sources.py", "exec"), names)
    return names["made"]


@pytest.mark.parametrize("name", SOURCES)
def test_spawned_workers_read_every_source(name, request, expected):
    needed(name)
    found = request.getfixturevalue("spawned")[name]
    assert np.array_equal(np.array(found, np.float32), expected[name])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", SOURCES)
def test_a_strategy_learns_from_and_queries_every_source(name, workers, made, expected):
    needed(name)
    context = {"multiprocessing_context": "fork"} if workers else {}
    picks = []
    tensors = torch.utils.data.TensorDataset(
        torch.from_numpy(expected[name]), torch.arange(COUNT) * 2 // COUNT
        if name == "images" else torch.arange(COUNT) % 3
    )  # fmt: skip
    for data, options in (made(name), {"num_workers": workers, **context}), (tensors, {}):
        pool = al.ActiveLearningDataset(data)
        pool.annotate([0, 1, 2, 12, 13])
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 3))
        inputs = "x" if name == "arrow" and data is not tensors else None
        strategy = al.Strategy(
            net, pool, batch_size=4, test_batch_size=7, inputs=inputs, loader=options, seed=0
        ).build()
        strategy.fit(3)
        query = strategy.query(6)
        picks.append((query.indices.tolist(), query.scores))
    assert picks[0][0] == picks[1][0]
    assert np.allclose(picks[0][1], picks[1][1], rtol=1e-5, atol=0)


def test_labels_of_another_number_than_the_rows_of_a_memmap_are_refused(made):
    rows = type(made("memmap"))
    with pytest.raises(ValueError, match=f"rows.npy has {COUNT} rows for 7 labels"):
        rows("rows.npy", torch.zeros(7))


# --- what cannot be sent --------------------------------------------------------------------------

SPAWN = {"num_workers": 2, "multiprocessing_context": "spawn"}


class Holds(Dataset):
    """Numbers, and anything else as attributes."""

    def __init__(self, **held):
        vars(self).update(held)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.full((3,), float(index)), index % 3


def handle():
    return open(__file__)


UNSENT = {
    "attribute": (lambda: Holds(file=handle()), r"dataset\.file, a TextIOWrapper", "__getstate__"),
    "in a list": (lambda: Holds(files=[0, handle()]), r"dataset\.files\[1\], a Text", "__getstate"),
    "in a dict": (lambda: Holds(f={"a": handle()}), r"dataset\.f\['a'\], a Text", "__getstate__"),
    "of a subset": (lambda: Subset(Holds(file=handle()), [0, 1]), r"dataset\.dataset\.file", "__g"),
    "function": (lambda: Holds(change=lambda x: x), r"dataset\.change, a function", "top level"),
    "local class": (lambda: type("Local", (Holds,), {})(), "dataset, a Local", "top level"),
}


@pytest.mark.parametrize("case", UNSENT.values(), ids=UNSENT)
def test_an_error_names_the_part_of_a_dataset_that_cannot_be_sent_to_a_spawned_worker(case):
    make, named, remedy = case
    data = make()
    for loader in (
        scoring_loader(al.ActiveLearningDataset(data).unannotated, 4, **SPAWN),
        eval_loader(data, 4, **SPAWN),
    ):
        with pytest.raises(ConfigurationError, match=named) as caught:
            iter(loader)
        assert remedy in str(caught.value)
        assert caught.value.__cause__ is not None


def test_so_does_a_strategy_for_the_transform_and_collate_fn():
    pool = al.ActiveLearningDataset(Holds(), transform=lambda x: x)
    pool.annotate([0, 1, 2])
    strategy = al.Strategy(torch.nn.Linear(3, 3), pool, loader=SPAWN, seed=0).build()
    for use in lambda: strategy.query(2), lambda: strategy.fit(1):
        with pytest.raises(ConfigurationError, match=r"transform, a function, .* top level"):
            use()
    view = al.ActiveLearningDataset(Holds()).unannotated
    with pytest.raises(ConfigurationError, match=r"collate_fn, a partial, .* top level"):
        iter(scoring_loader(view, 4, collate_fn=lambda items: items, **SPAWN))


def test_errors_of_a_worker_itself_stay_what_they_are():
    class Fails(Holds):
        def __getitem__(self, index):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(eval_loader(Fails(), 4))
    with pytest.raises(ValueError, match="prefetch"):
        eval_loader(Holds(), 4, prefetch_factor=2)
