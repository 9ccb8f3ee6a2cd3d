"""What is shown of a sample: images, sounds and texts in forms that browsers have."""

import io

import numpy as np
import pytest
from PIL import Image

from alkit.errors import ConfigurationError
from alkit.page import Shown, shown


def bytes_of(image, form):
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
IMAGE = Image.fromarray(PIXELS)


def pixels(found):
    assert found.type == "image/png"
    return np.asarray(Image.open(io.BytesIO(found.content)).convert("RGB"))


def test_a_text_is_plain_text_whatever_it_is_called():
    assert shown("<b>ä</b>") == ("<b>ä</b>".encode(), "text/plain; charset=utf-8")
    assert shown((b"<b>", "text/html")).type == "text/plain; charset=utf-8"


def test_files_are_sent_as_they_are_if_browsers_have_their_form(tmp_path):
    for name, form, kind in (("a.png", "PNG", "image/png"), ("b.JPG", "JPEG", "image/jpeg")):
        (tmp_path / name).write_bytes(bytes_of(IMAGE, form))
        assert shown(tmp_path / name) == ((tmp_path / name).read_bytes(), kind)
    (tmp_path / "c.mp3").write_bytes(b"sound")
    assert shown(tmp_path / "c.mp3") == (b"sound", "audio/mpeg")
    (tmp_path / "d.txt").write_text("text")
    assert shown(tmp_path / "d.txt") == (b"text", "text/plain; charset=utf-8")


@pytest.mark.parametrize("form", ["TIFF", "PPM"])
def test_other_images_become_png(tmp_path, form):
    path = tmp_path / f"a.{form.lower()}"
    path.write_bytes(bytes_of(IMAGE, form))
    np.testing.assert_array_equal(pixels(shown(path)), PIXELS)
    path.rename(tmp_path / "no_suffix")
    np.testing.assert_array_equal(pixels(shown(tmp_path / "no_suffix")), PIXELS)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "CMYK", "YCbCr", "F", "I", "I;16"])
def test_images_of_all_modes_become_png(mode):
    found = shown(Image.new(mode, (3, 2)))
    assert Image.open(io.BytesIO(found.content)).size == (3, 2)


def test_something_shown_is_shown_as_it_is():
    assert shown(Shown(b"RIFF", "audio/wav")) == (b"RIFF", "audio/wav")


@pytest.mark.parametrize("value", [None, 3, b"bytes", ("a", "b"), (b"a", "application/pdf"), [1]])
def test_anything_else_is_an_error_with_what_can_be_shown(value):
    with pytest.raises(ConfigurationError, match="a text, a PIL image, the path of a file"):
        shown(value)
