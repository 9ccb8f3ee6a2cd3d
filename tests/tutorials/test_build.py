from __future__ import annotations

import ast

import nbformat


def test_students_get_no_solution_no_hidden_cell_and_no_output(script, source):
    build = script("build")
    notebook = build.for_students(build.read(source))
    text = nbformat.writes(notebook)
    assert "2 * x" not in text
    assert "SOLUTION" not in text
    assert "assert 1 + 1" not in text
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")


def test_a_stub_replaces_a_solution_at_its_indent(script, source):
    build = script("build")
    answer, check = build.for_students(build.read(source)).cells[-2:]
    assert answer.source == (
        'def double(x):\n    """Twice x."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'
    )
    ast.parse(answer.source)
    assert check.source == 'print("doubled", double(4))'


def test_two_solutions_in_a_cell_are_removed_separately(script):
    build = script("build")
    two = "a = 1\n### BEGIN SOLUTION\nx = 2\n### END SOLUTION\nb = 3\n"
    stub = "a = 1\n# YOUR CODE HERE\nraise NotImplementedError()\nb = 3\n"
    assert build.SOLUTION.sub(build.STUB, two + two) == stub + stub


def test_the_metadata_of_nbgrader_is_kept(script, source):
    build = script("build")
    answer, check = build.for_students(build.read(source)).cells[-2:]
    assert answer.metadata.nbgrader == {
        "grade": False,
        "grade_id": "00-a",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }
    assert (check.metadata.nbgrader.points, check.metadata.nbgrader.locked) == (1, True)


def test_what_is_written_is_a_valid_notebook_and_the_same_each_time(script, source, tmp_path):
    build = script("build")
    for name in ("first.ipynb", "again.ipynb"):
        build.write(build.for_students(build.read(source)), tmp_path / name)
    nbformat.validate(nbformat.read(tmp_path / "first.ipynb", as_version=4))
    assert (tmp_path / "first.ipynb").read_bytes() == (tmp_path / "again.ipynb").read_bytes()
