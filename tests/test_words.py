"""Three rules of the project's prose that a program can check; CONTRIBUTING has the others."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted(
    path
    for folder in ("alkit", "benchmarks", "tutorials", "notebooks")
    for path in ROOT.glob(f"{folder}/**/*.py")
)
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted(ROOT.glob("docs/**/*.md")) if page.parent.name != "tutorials"),
]
PAGES = [page for page in PAGES if page.parent != ROOT / "docs" / "notebooks"]

BARE_CLAUSE = re.compile(r"(What|How|Which|Whether|Where|Who|Whose|Why)\b[^?]*$", re.DOTALL)
OF_FIRST = re.compile(r"^\s*(\*{0,2}\w+(, \*{0,2}\w+)*: |# )of\b", re.MULTILINE)
COMPARATIVES = "longer|more|less|better|worse|other|higher|lower|larger|smaller|farther|further"
IS_NO = re.compile(
    rf"(?<!there )(?<!There )\b(is|are|was|were) no (?!({COMPARATIVES}|slower|faster)\b)[a-z]+"
)


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, text) of each docstring, also of the strings that follow an attribute."""
    for node in ast.walk(tree):
        value = getattr(node, "value", None) if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield node.lineno, value.value


def comments(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each comment, the sign included."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, text) of each string in the code: docstrings, messages and their parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def shown(path: Path, line: int, text: str) -> str:
    return f"{path.relative_to(ROOT)}:{line}: {' '.join(text.split())[:100]}"


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", CODE, ids=name)
def test_a_docstring_opens_with_a_noun_phrase_or_an_imperative(path: Path):
    found = [
        shown(path, line, text)
        for line, text in docstrings(ast.parse(path.read_text(encoding="utf-8")))
        if BARE_CLAUSE.match(text.strip().split("\n\n")[0])
    ]
    assert found == []


@pytest.mark.parametrize("path", CODE, ids=name)
def test_the_text_of_an_argument_and_of_a_comment_begins_with_a_noun(path: Path):
    text = path.read_text(encoding="utf-8")
    pieces = [*docstrings(ast.parse(text)), *comments(text)]
    found = [shown(path, line + piece.count("\n", 0, match.start()), match.group())
             for line, piece in pieces for match in OF_FIRST.finditer(piece)]  # fmt: skip
    assert found == []


@pytest.mark.parametrize("path", [*CODE, *PAGES], ids=name)
def test_a_thing_is_not_another_rather_than_being_none(path: Path):
    text = path.read_text(encoding="utf-8")
    is_code = path.suffix == ".py"
    pieces = [*strings(ast.parse(text)), *comments(text)] if is_code else [(1, text)]
    found = [
        shown(path, line + piece.count("\n", 0, match.start()), match.group())
        for line, piece in pieces
        for match in IS_NO.finditer(piece)
    ]
    assert found == []


def test_the_rules_find_what_they_are_about():
    assert BARE_CLAUSE.match("How informative each candidate is.")
    assert BARE_CLAUSE.match("Which samples are annotated.")
    assert not BARE_CLAUSE.match("Which samples together?")
    assert not BARE_CLAUSE.match("Score of each candidate.")
    assert OF_FIRST.search("    seed: of the trial.")
    assert OF_FIRST.search("# of numpy")
    assert not OF_FIRST.search("    seed: the seed of the trial.")
    assert IS_NO.search("a seed that is no integer")
    assert not IS_NO.search("there is no seed; it is no longer used")
