"""Editors see what is there: the stub of the root, and a type checker over right and wrong uses.

`python tests/test_stub.py` writes the stub again after a change of the root's names.
"""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import alkit

ROOT = Path(__file__).parents[1]
STUB = ROOT / "alkit" / "__init__.pyi"
USES = Path(__file__).parent / "data" / "uses.py"


def stub() -> str:
    """Text of the stub: every name of the root, imported from where it is."""
    lines = ["# Written by tests/test_stub.py from the tables in __init__.py.", ""]
    for module, names in sorted(alkit._NAMES.items()):
        lines += [f"from {module} import {name} as {name}" for name in sorted(names.split())]
    for name, module in sorted(alkit._FOLDERS.items()):
        package, _, last = module.rpartition(".")
        lines.append(f"from {package} import {last} as {name}")
    for found in pkgutil.iter_modules(alkit.__path__):  # folders that dir() does not list
        if found.ispkg and found.name not in alkit._FOLDERS:
            lines.append(f"from alkit import {found.name} as {found.name}")
    return "\n".join([*lines, "", "__all__: list[str]", "__version__: str", ""])


def test_the_stub_is_that_of_the_names_of_the_root():
    assert STUB.read_text(encoding="utf-8") == stub(), "run python tests/test_stub.py"


def test_dir_shows_public_names_only():
    shown = set(dir(alkit)) - {"__version__"}
    assert shown == set(alkit.__all__)
    assert len(shown) <= 90


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Margn", r"'Margn'.*Did you mean 'Margin'"),
        ("BAIT", r"it is al\.selectors\.BAIT"),
        ("MeanStd", r"it is al\.criteria\.MeanStd"),
        ("coral", r"it is al\.papers\.coral"),
        ("Auto", r"it is al\.querying\.Auto"),
        ("Tiles", r"it is al\.pool\.Tiles"),
    ],
)
def test_a_name_that_is_not_there_is_an_error_with_the_likely_one(name, message):
    with pytest.raises(AttributeError, match=message) as caught:
        getattr(alkit, name)
    assert isinstance(caught.value, alkit.errors.AlkitError)


def test_folders_that_dir_does_not_show_are_reached_all_the_same():
    code = "import alkit as al; print(al.querying.Auto.__name__, 'querying' in dir(al))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["Auto", "False"]


def test_a_type_checker_reports_exactly_the_wrong_uses():
    command = [sys.executable, "-m", "pyright", "--outputjson", str(USES)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = {
        diagnostic["range"]["start"]["line"] + 1
        for diagnostic in json.loads(ran.stdout)["generalDiagnostics"]
        if diagnostic["severity"] == "error"
    }
    lines = USES.read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if "# wrong" in line}
    assert found == wrong
    assert len(wrong) > 8


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
