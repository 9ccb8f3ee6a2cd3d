from __future__ import annotations

import re
import webbrowser
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from person import label
from PIL import Image

from alkit.cli import main

ROOT = Path(__file__).parents[1]
# pages of the site that are made of executed notebooks, and the folders of these
GENERATED = {ROOT / "docs" / folder: ROOT / folder for folder in ("tutorials", "notebooks")}
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted(ROOT.glob("docs/**/*.md")) if page.parent not in GENERATED),
    *sorted(ROOT.glob("tutorials/*.md")),
]


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """(line of the first line, text) of each fenced block of a language."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)), match[1]) for match in found]


# packages of the tests alone
NEEDS = {"docs/how-to/pool_larger_than_memory.md": ("datasets", "h5py")}
WITH_CODE = [page for page in PAGES if blocks(page, "python")]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def _files():
    """Files that pages name: a folder of photos of three kinds, and a table of texts."""
    rng = np.random.default_rng(0)
    Path("photos").mkdir()
    for k in range(120):
        pixels = rng.integers(0, 90, (12, 12, 3), dtype=np.uint8)
        pixels[..., k % 3] += 120
        Image.fromarray(pixels).save(f"photos/{k:03d}.png")
    texts = [f"it {word} on day {k}" for word in ("works", "broke", "pleases") for k in range(9)]
    Path("reviews.csv").write_text("\n".join(["text", *texts]))


@pytest.fixture
def _a_person(monkeypatch):
    """In place of a browser, somebody who answers what a labeling page asks."""

    def opened(url):
        Thread(target=label, args=(url,), daemon=True).start()
        return True

    monkeypatch.setattr(webbrowser, "open", opened)


@pytest.mark.usefixtures("_files", "_a_person")
@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path):
    for package in NEEDS.get(name(page), ()):
        pytest.importorskip(package)
    names = {"__name__": page.stem}
    for line, code in blocks(page, "python"):
        # as many empty lines in front as the page has: a traceback points into the page
        exec(compile("\n" * line + code, str(page), "exec"), names)


def test_the_pages_that_show_code_are_found():
    assert {"README.md", "docs/coming_from/deeplay.md"} <= set(map(name, WITH_CODE))


def test_ci_runs_every_command_that_the_readme_gives():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [
        part.strip()
        for _, block in blocks(ROOT / "README.md", "sh")
        for part in re.split(r"&&|\n", block)
        if part.strip()
    ]
    assert "alkit compare" in commands
    for command in commands:
        words = r"[^\n#]*".join(map(re.escape, command.split()))  # options of CI in between
        assert re.search(rf"^[^#\n]*\b{words}\)?$", ci, re.MULTILINE), command


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            path = (page.parent / target).resolve()
            made_of = GENERATED.get(path.parent, path.parent) / f"{path.stem}.ipynb"
            assert path.exists() or made_of.exists(), f"{name(page)} links to {target}"


def test_the_page_of_the_command_line_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    assert "label" in commands
    assert sorted(re.findall(r"^\| `alkit (\w+)` \|", page, re.MULTILINE)) == sorted(commands)
