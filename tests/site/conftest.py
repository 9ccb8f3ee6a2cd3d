"""The site, built once from the notebooks as they are, and served on localhost."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    docs = folder / "docs"
    kept_out = shutil.ignore_patterns("tutorials", "notebooks")
    shutil.copytree(ROOT / "docs", docs, ignore=kept_out)
    for name in ("tutorials", "notebooks"):
        notebooks = sorted((ROOT / name).glob("*.ipynb"))
        run("tutorials/page.py", *notebooks, "--out", docs / name)
    (folder / "mkdocs.yml").write_text(f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: {docs}\n")
    run("-m", "mkdocs", "build", "--strict", "-f", folder / "mkdocs.yml", "-d", folder / "built")
    return folder / "built"


@pytest.fixture(scope="session")
def address(site):
    """Where the site is served."""
    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def run(*words):
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
