"""Selectors that work by blocks hold no copy of a mapped file in memory."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import alkit as al
from alkit import hardware, selectors
from alkit.errors import SelectionWarning

N, D, N_ANNOTATED = 200_000, 128, 50
COPY = 4 * N * D / 2**20  # MiB in float32

CODE = """
import sys, threading, time
import numpy as np, torch
import alkit as al
from alkit import selectors

torch.set_num_threads(1)
rows = np.load(sys.argv[1], mmap_mode="r")
annotated = np.arange(int(sys.argv[2]))

def anonymous():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous")) / 1024

def select(selector, rows):
    known = annotated if "annotated" in selector.needs else ()
    return al.select(20, embeddings=rows, annotated=known, selector=selector, seed=0)

def watch():
    while not done.wait(0.002):
        most[0] = max(most[0], anonymous())

for text in sys.argv[3:]:
    selector = eval(text)
    select(selector, rows[:3000])  # imports
    before, done = anonymous(), threading.Event()
    most = [before]
    thread = threading.Thread(target=watch)
    thread.start()
    select(selector, rows)
    most[0] = max(most[0], anonymous())
    done.set()
    thread.join()
    print(most[0] - before)
"""

SELECTORS = [
    "al.KMeansPlusPlus()",
    "al.KCenter(selectors.Features(normalize=True))",
    "selectors.KMeans()",
    "selectors.KMeansPlusPlus(selectors.Features(pca=8))",
]
COPIED = [SELECTORS[1], SELECTORS[-1]]  # scaled, or summed in float64


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(("dtype", "names"), [("float16", SELECTORS), ("float32", COPIED)])
def test_a_mapped_file_is_never_copied_into_memory(dtype, names, tmp_path):
    path = tmp_path / "rows.npy"
    rows = np.lib.format.open_memmap(path, "w+", dtype, (N, D))
    some = np.random.default_rng(0).standard_normal((5000, D), np.float32)
    for start in range(0, N, len(some)):
        rows[start : start + len(some)] = some * (1 + start / N)
    rows.flush()
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path), str(N_ANNOTATED), *names],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    found = dict(zip(names, map(float, done.stdout.split()), strict=True))
    assert max(found.values()) < COPY, found


@pytest.mark.parametrize(
    "selector",
    [
        selectors.ActiveFT(steps=3, sample=None),
        selectors.BAIT(),
        selectors.Dcom(),
        selectors.ExpectedErrorReduction(),
        selectors.FacilityLocation(sample=None),
        selectors.MaxHerding(sample=None),
        selectors.UncertaintyHerding(sample=None),
    ],
    ids=repr,
)
def test_selectors_that_take_long_state_it_and_name_a_way_out(selector, monkeypatch):
    monkeypatch.setitem(hardware.RATES, "cpu", 1.0)
    rng = np.random.default_rng(0)
    given = {
        "probabilities": rng.dirichlet(np.ones(3), 40),
        "embeddings": rng.standard_normal((40, 8), np.float32),
        "annotated": [0, 1, 2],
        "labels": [0, 1, 2],
        "head": torch.nn.Linear(8, 3),
    }
    with pytest.warns(SelectionWarning, match="takes about .*Prefilter"):
        al.select(3, selector=selector, seed=0, **given)
