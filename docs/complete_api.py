"""Hook of mkdocs: an API page of a family also has the leaves that it does not name itself."""

import re
from importlib import import_module

PAGES = {"api/criteria.md": "alkit.criteria", "api/selectors.md": "alkit.selectors"}


def on_page_markdown(markdown: str, page, **_) -> str:
    """Append every public class of the family that the page has not named."""
    package = PAGES.get(page.file.src_uri)
    if package is None:
        return markdown
    named = set(re.findall(r"^::: [\w.]+\.(\w+)$", markdown, re.MULTILINE))
    classes = [name for name in import_module(package).__all__ if name[0].isupper()]
    others = [f"::: {package}.{name}" for name in classes if name not in named]
    return "\n\n".join([markdown, *(["## Others"] if others else []), *others])
