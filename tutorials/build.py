"""Write the students' version of each lesson: run `python tutorials/build.py` after every change.

The source of a lesson is a text file in `tutorials/source`, with exercises and their solutions.
Students get `tutorials/<lesson>.ipynb`, without solutions, hidden cells or outputs. It has the cell
metadata of nbgrader, so that a teacher can hand it out and grade it.
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
STUB = r"\1# YOUR CODE HERE\n\1raise NotImplementedError()"  # as nbgrader writes it


def read(source: Path) -> NotebookNode:
    """Read a source as a notebook; its cells get the same ids every time."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{source.stem.replace('_', '-')[:50]}-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    language = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    notebook["metadata"] = NotebookNode(kernelspec=kernel, language_info=language)
    return notebook


def is_hidden(cell: NotebookNode) -> bool:
    """True for a cell of assertions that readers do not see."""
    return "hidden" in cell.metadata.get("tags", [])


def is_exercise(cell: NotebookNode) -> bool:
    """True for a cell that a student fills in, and for the check of one."""
    return "nbgrader" in cell.metadata


def for_students(notebook: NotebookNode) -> NotebookNode:
    """Remove hidden cells and solutions, and the outputs of exercises.

    If the notebook was executed, other cells keep their outputs. Changes the notebook in place.
    """
    notebook.cells = [cell for cell in notebook.cells if not is_hidden(cell)]
    for cell in filter(is_exercise, notebook.cells):
        cell.source = SOLUTION.sub(STUB, cell.source)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Validate a notebook and write it."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def main() -> None:
    """Write the notebooks of the given sources, or of all sources."""
    for source in map(Path, sys.argv[1:] or sorted((HERE / "source").glob("*.py"))):
        write(for_students(read(source)), HERE / f"{source.stem}.ipynb")


if __name__ == "__main__":
    main()
