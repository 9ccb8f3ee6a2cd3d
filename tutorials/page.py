"""Write pages of the site from executed notebooks, as Markdown with separate figures.

`python tutorials/page.py notebooks/*.ipynb --out docs/notebooks`

The pages are Markdown so that the site's strict build checks their links, and its search, colors
and phone layout apply to them. The notebook is copied next to its page, for readers to download.
"""

from __future__ import annotations

import argparse
import re
import shutil
from base64 import b64decode
from pathlib import Path

import nbformat
from nbformat import NotebookNode

PICTURES = {"image/png": "png", "image/gif": "gif", "image/jpeg": "jpg"}
COLORS = re.compile(r"\x1b\[[0-9;]*m")  # terminal color codes


def page(notebook: NotebookNode, name: str) -> tuple[str, dict[str, bytes]]:
    """Return the Markdown of an executed notebook, and its pictures by path relative to the page.

    The alternative text of a picture is the `alt` of the cell's metadata. Raises ValueError if the
    notebook does not begin with its title.
    """
    pictures: dict[str, bytes] = {}
    parts = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(on_the_site(cell.source))
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if found := [kind for kind in PICTURES if kind in data]:
                path = f"{name}_files/{number}-{len(pictures)}.{PICTURES[found[0]]}"
                pictures[path] = b64decode(data[found[0]])
                parts.append(f"![{cell.metadata.get('alt', 'Figure')}]({path})")
            elif "text/html" in data:
                parts.append(data["text/html"].strip())
            elif text := COLORS.sub("", output.get("text", data.get("text/plain", ""))).rstrip():
                parts.append(f"``` {{.text .output}}\n{text}\n```")
    if not parts or not parts[0].startswith("# "):
        raise ValueError(f"{name} must begin with a Markdown cell whose first line is its title")
    title, _, rest = parts[0].partition("\n")
    parts[0] = f"{title}\n\n[Download this page as a notebook]({name}.ipynb)\n\n{rest}"
    return "\n\n".join(parts) + "\n", pictures


def on_the_site(text: str) -> str:
    """Convert the links of a checkout to links of the site."""
    text = re.sub(r"(\]\([^):]*)\.ipynb([)#])", r"\1.md\2", text)
    return text.replace("](../docs/", "](../")


def main() -> None:
    """Write the page of each given notebook."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--out", required=True, type=Path, help="folder for the pages")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for path in options.notebooks:
        text, pictures = page(nbformat.read(path, as_version=4), path.stem)
        folder = options.out / f"{path.stem}_files"
        shutil.rmtree(folder, ignore_errors=True)  # pictures of an earlier version
        for name, picture in pictures.items():
            folder.mkdir(exist_ok=True)
            (options.out / name).write_bytes(picture)
        (options.out / f"{path.stem}.md").write_text(text, encoding="utf-8")
        shutil.copyfile(path, options.out / path.name)


if __name__ == "__main__":
    main()
