"""Executes sources of lessons and notebooks, and writes them with their figures and outputs.

`python tutorials/execute.py tutorials/source/*.py --out build/tutorials`

Each runs in a folder of its own, where `data` is the folder of that name beside `source`, if there
is one. The first cell that fails ends it all, with its error. What is written has no hidden
cells, and exercises as students find them: `tutorials/page.py` makes the site's pages of it.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import nbclient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from build import for_students, read, write


def execute(source: Path) -> NotebookNode:
    """The notebook of a source with the outputs of all its cells, solutions and checks included.

    Raises CellExecutionError where a cell fails, and CellTimeoutError after ten minutes of one.
    """
    notebook = read(source)
    data = source.resolve().parents[1] / "data"
    with TemporaryDirectory() as folder:
        if data.is_dir():
            (Path(folder) / "data").symlink_to(data)
        client = nbclient.NotebookClient(
            notebook,
            timeout=600,
            record_timing=False,  # or each run would differ
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    return notebook


def warnings_of(notebook: NotebookNode) -> list[str]:
    """What the cells wrote to the error stream: a reader would see it too."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.text for output in outputs if output.get("name") == "stderr"]


def main() -> None:
    """Execute the sources one after another, and write each with its outputs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--out", required=True, type=Path, help="folder of the executed notebooks")
    options = parser.parse_args()
    for source in options.sources:
        started, used = perf_counter(), cpu()
        try:
            notebook = execute(source)
        except CellExecutionError as error:
            sys.exit(f"{source} failed:\n{error}")
        seconds = f"{perf_counter() - started:.0f} s, {cpu() - used:.0f} s of CPU"
        print(f"{source.stem}: {seconds}", flush=True)
        for text in warnings_of(notebook):
            print(f"  writes to the error stream: {text.strip()}", flush=True)
        write(for_students(notebook), options.out / f"{source.stem}.ipynb")


def cpu() -> float:
    """Seconds of the processor that ended kernels have used."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
