from __future__ import annotations

from base64 import b64encode

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PNG = b"\x89PNG not a real one"


def notebook(*outputs, **metadata):
    cell = new_code_cell("draw()", outputs=list(outputs), metadata=metadata)
    return new_notebook(cells=[new_markdown_cell("# Title\nText."), cell])


def test_code_text_and_figures_are_in_order(script):
    picture = new_output("display_data", data={"image/png": b64encode(PNG).decode()})
    stream = new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m\n")
    value = new_output("execute_result", data={"text/plain": "42"}, execution_count=1)
    text, pictures = script("page").page(notebook(stream, picture, value, alt="A curve"), "01_x")
    order = ["```python\ndraw()\n```", "\nred\n", "![A curve](01_x_files/1-0.png)", "\n42\n"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert pictures == {"01_x_files/1-0.png": PNG}


def test_a_page_begins_with_its_title_and_links_to_its_notebook(script):
    text, _ = script("page").page(notebook(), "01_x")
    assert text.startswith("# Title\n\n[Download this page as a notebook](01_x.ipynb)\n\nText.")


def test_a_notebook_without_a_title_is_an_error(script):
    with pytest.raises(ValueError, match="01_x must begin with"):
        script("page").page(new_notebook(cells=[new_code_cell("1")]), "01_x")


@pytest.mark.parametrize(
    ("link", "on_the_site"),
    [
        ("[a](02_digits.ipynb)", "[a](02_digits.md)"),
        ("[a](../notebooks/mnist.ipynb#costs)", "[a](../notebooks/mnist.md#costs)"),
        ("[a](../docs/api/pool.md)", "[a](../api/pool.md)"),
        ("[a](https://example.org/x.ipynb)", "[a](https://example.org/x.ipynb)"),
    ],
)
def test_links_of_a_checkout_become_links_of_the_site(script, link, on_the_site):
    assert script("page").on_the_site(link) == on_the_site
