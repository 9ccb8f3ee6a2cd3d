"""Execute sources of lessons and notebooks, and write them with their figures and outputs.

`python tutorials/execute.py tutorials/source/*.py --out build/tutorials`

Each source runs in its own temporary folder. If there is a `data` folder next to `source`, it is
available there as `data`. The first failing cell ends the whole run with its error. The written
notebooks have no hidden cells and no solutions; `tutorials/page.py` turns them into pages of the
site.
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
    """Execute all cells of a source, solutions and checks included, and return the notebook.

    Raises CellExecutionError if a cell fails, and CellTimeoutError if a cell takes over an hour.
    """
    notebook = read(source)
    data = source.resolve().parents[1] / "data"
    with TemporaryDirectory() as folder:
        if data.is_dir():
            (Path(folder) / "data").symlink_to(data)
        client = nbclient.NotebookClient(
            notebook,
            timeout=3600,  # wall-clock seconds; generous, because the machine may be shared
            record_timing=False,  # timings would make every run differ
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    return notebook


def warnings_of(notebook: NotebookNode) -> list[str]:
    """Text that the cells wrote to the error stream, which readers would see."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.text for output in outputs if output.get("name") == "stderr"]


def main() -> None:
    """Execute the sources in turn, and write each with its outputs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--out", required=True, type=Path, help="folder for the executed notebooks")
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
    """CPU seconds used by the kernels that have ended."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
