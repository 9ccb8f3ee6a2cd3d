"""Writes the students' version of each lesson: `python tutorials/build.py`, after every change.

A lesson is written as text, in `tutorials/source`, with its exercises and their solutions.
Students get `tutorials/<lesson>.ipynb`: without solutions, hidden cells and outputs, and with the
cell metadata of nbgrader, so that a teacher can hand it out and grade it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

HERE = Path(__file__).parent
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION$", re.M | re.S)
STUB = r"\1# YOUR CODE HERE\n\1raise NotImplementedError()"  # that of nbgrader


def read(source: Path) -> NotebookNode:
    """The notebook of a source, whose cells have the same ids whenever it is read."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{source.stem.replace('_', '-')[:50]}-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    language = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    notebook["metadata"] = NotebookNode(kernelspec=kernel, language_info=language)
    return notebook


def is_hidden(cell: NotebookNode) -> bool:
    """Whether a cell holds assertions that readers do not see."""
    return "hidden" in cell.metadata.get("tags", [])


def is_exercise(cell: NotebookNode) -> bool:
    """Whether a cell is one that a student fills in, or the check of one."""
    return "nbgrader" in cell.metadata


def for_students(notebook: NotebookNode) -> NotebookNode:
    """The notebook without hidden cells, and with exercises as they are before they are solved.

    Other cells keep their outputs, if it was executed. Changes the notebook that is given.
    """
    notebook.cells = [cell for cell in notebook.cells if not is_hidden(cell)]
    for cell in filter(is_exercise, notebook.cells):
        cell.source = SOLUTION.sub(STUB, cell.source)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook, once it is known to be a valid one."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def main() -> None:
    """Write the notebooks of the sources that are named, or of all."""
    for source in map(Path, sys.argv[1:] or sorted((HERE / "source").glob("*.py"))):
        write(for_students(read(source)), HERE / f"{source.stem}.ipynb")


if __name__ == "__main__":
    main()
