"""Rules for every lesson and notebook, checked without executing it: .ci/run executes them."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "tutorials" / "source").glob("*.py"))
SOURCES = [*LESSONS, *sorted((ROOT / "notebooks" / "source").glob("*.py"))]
NAMES = {"ids": lambda source: source.stem}

lessons = pytest.mark.parametrize("source", LESSONS, **NAMES)
sources = pytest.mark.parametrize("source", SOURCES, **NAMES)


def grade_ids(notebook: nbformat.NotebookNode) -> list[str]:
    return [
        cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata
    ]


@lessons
def test_the_students_version_is_what_build_makes_of_the_source(script, source):
    build = script("build")
    kept = source.parents[1] / f"{source.stem}.ipynb"
    assert kept.exists(), f"{kept.name} is missing: python tutorials/build.py"
    expected = nbformat.writes(build.for_students(build.read(source)))
    same = kept.read_text(encoding="utf-8").strip() == expected.strip()
    assert same, f"{kept.name} is out of date with its source: python tutorials/build.py"


def test_every_students_version_has_a_source():
    built = {path.stem for path in (ROOT / "tutorials").glob("*.ipynb")}
    assert built == {source.stem for source in LESSONS}


@lessons
def test_a_lesson_ends_with_two_or_three_exercises_that_are_checked(script, source):
    number = source.stem[:2]
    notebook = script("build").read(source)
    checks = import_module(f"alkit.course.lesson_{number}").CHECKS
    assert list(checks) == [f"{number}-{letter}" for letter in "abc"[: len(checks)]]
    assert 2 <= len(checks) <= 3
    expected = [part for name in checks for part in (name, f"{name}-check")]
    assert grade_ids(notebook) == expected
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if name.endswith("-check"):
            assert f'al.course.check("{name.removesuffix("-check")}", ' in cell.source
        elif name:
            assert cell.source.count("### BEGIN SOLUTION") == 1
    first = next(i for i, cell in enumerate(notebook.cells) if "nbgrader" in cell.metadata)
    assert all("nbgrader" in cell.metadata for cell in notebook.cells[first:] if is_code(cell))


def is_code(cell: nbformat.NotebookNode) -> bool:
    return cell.cell_type == "code" and "hidden" not in cell.metadata.get("tags", [])


@lessons
def test_no_line_of_a_solution_is_in_the_students_version(script, source):
    build = script("build")
    solved = {cell.id: cell for cell in build.read(source).cells if build.is_exercise(cell)}
    students = build.for_students(build.read(source))
    assert "SOLUTION" not in nbformat.writes(students)
    for cell in filter(build.is_exercise, students.cells):
        for solution in build.SOLUTION.finditer(solved[cell.id].source):
            assert not set(cell.source.splitlines()) & set(solution[0].splitlines())


@sources
def test_a_notebook_is_valid_and_begins_with_its_title(script, source):
    notebook = script("build").read(source)
    nbformat.validate(notebook)
    assert re.match(r"# \S", notebook.cells[0].source)


@sources
def test_a_notebook_uses_one_thread_and_states_its_seed(source):
    text = source.read_text(encoding="utf-8")
    assert "torch.set_num_threads(1)" in text
    assert re.search(r"\bseeds?\b", text)


@sources
def test_links_have_a_target(script, source):
    cells = script("build").read(source).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (source.parents[1] / target).exists(), f"{source.name} links to {target}"
