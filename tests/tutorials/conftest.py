"""Fixtures for the tests of the scripts in ``tutorials``."""

from importlib import import_module
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "tutorials"

LESSON = '''\
# %% [markdown]
# # A lesson
# See [the next](02_next.ipynb) and [the pool](../docs/api/pool.md).

# %%
print(1 + 1)

# %% tags=["hidden"]
assert 1 + 1 == 2

# %% [markdown]
# **Exercise 00-a.** Write a function that doubles.

# %% nbgrader={"grade": false, "grade_id": "00-a", "locked": false, "schema_version": 3, "solution": true, "task": false}
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "00-a-check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
print("doubled", double(4))
'''  # noqa: E501


@pytest.fixture
def script(monkeypatch):
    """Function that imports a script by its name."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module


@pytest.fixture
def source(tmp_path) -> Path:
    """Path of the source of a small lesson."""
    path = tmp_path / "source" / "00_a_lesson.py"
    path.parent.mkdir()
    path.write_text(LESSON, encoding="utf-8")
    return path
