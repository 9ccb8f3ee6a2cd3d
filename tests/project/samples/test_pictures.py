import io
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import Base

from alkit.errors import UnreadableSampleError
from alkit.project.samples.pictures import decoded, from_array, plain, shown_file, shown_image


def opened(shown) -> Image.Image:
    return Image.open(io.BytesIO(shown.content))


@pytest.fixture
def corner(tmp_path):
    """A JPEG of 40 x 20 pixels, red at the left, that is to be turned by 90 degrees."""
    pixels = np.full((20, 40, 3), 255, np.uint8)
    pixels[:, :20] = (255, 0, 0)
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    return tmp_path / "turned.jpg"


def test_an_image_is_turned_as_its_camera_was(corner):
    for image in (decoded(corner), opened(shown_file(corner)), decoded(corner, 8)):
        assert image.width * 2 == image.height
        red, green, _ = image.convert("RGB").getpixel((image.width // 2, 1))
        assert red > 200
        assert green < 60
        assert min(image.convert("RGB").getpixel((image.width // 2, image.height - 2))) > 200


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_if_that_suffices(tmp_path, save):
    path = save(tmp_path / "a.jpg", size=(640, 480))
    assert decoded(path).size == (640, 480)
    assert decoded(path, 32).size == (80, 60)


def test_a_small_image_is_shown_as_it_is_and_a_large_one_smaller(tmp_path, save):
    small = save(tmp_path / "a.png")
    assert shown_file(small).content == small.read_bytes()
    assert shown_file(small).type == "image/png"
    large = save(tmp_path / "b.png", size=(1700, 40))
    assert opened(shown_file(large)).size == (1600, 38)


@pytest.mark.parametrize("suffix", ["tif", "bmp", "ppm"])
def test_a_format_that_browsers_do_not_show_becomes_one_that_they_do(tmp_path, save, suffix):
    path = save(tmp_path / f"a.{suffix}")
    shown = shown_file(path)
    assert shown.type in ("image/png", "image/jpeg")
    assert opened(shown).size == (12, 10)


def test_images_of_all_modes_become_rgb_or_grey():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey = Image.fromarray(values)
    for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB"):
        image = plain(grey.convert("RGB").convert(mode))
        assert image.mode in ("RGB", "L"), mode
    deep = plain(Image.fromarray(values.astype(np.uint16) * 257))
    np.testing.assert_array_equal(np.asarray(deep), values)


def test_transparent_parts_are_white():
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    assert [plain(image).getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (255, 255, 255)]


ARRAYS = {
    "bytes": lambda x: x,
    "channels first": lambda x: x.transpose(2, 0, 1),
    "a tensor in [0, 1]": lambda x: torch.from_numpy(x / np.float32(255)).permute(2, 0, 1),
    "whole numbers": lambda x: x.astype(np.int64),
    "normalized": lambda x: (x / 255 - 0.5) / 0.25,
}


@pytest.mark.parametrize("form", ARRAYS)
def test_an_array_is_shown_as_the_image_that_it_is(form):
    x = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    x[0, 0], x[0, 1] = 0, 255
    np.testing.assert_array_equal(np.asarray(from_array(ARRAYS[form](x))), x)


def test_arrays_of_one_channel_are_grey():
    mask = np.eye(5, dtype=bool)
    for array in (mask, mask[None], mask[:, :, None]):
        image = from_array(array)
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), mask * 255)


def test_an_array_of_another_shape_is_refused():
    with pytest.raises(UnreadableSampleError, match=r"shape \(2, 5, 5\)"):
        from_array(np.zeros((2, 5, 5)))


BROKEN = {
    "nothing": lambda content: b"",
    "a text": lambda content: b"<html>not found</html>",
    "cut off": lambda content: content[: len(content) // 2],
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "tif", "bmp"])
def test_a_broken_image_is_an_error_with_a_reason_wherever_it_is_read(tmp_path, save, how, suffix):
    path = save(tmp_path / f"a.{suffix}", size=(64, 64))
    path.write_bytes(BROKEN[how](path.read_bytes()))
    for read in (decoded, shown_file):
        with pytest.raises(UnreadableSampleError, match="it cannot be read: "):
            read(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(st.sampled_from(["png", "jpg", "gif", "webp", "tif", "bmp"]), st.data())
def test_a_damaged_image_is_an_image_or_an_error_of_ours(tmp_path_factory, suffix, data):
    path = tmp_path_factory.mktemp("damaged") / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(noise).save(path)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=20)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    for read in (decoded, shown_file):
        with suppress(UnreadableSampleError):
            read(path)


def test_an_image_in_memory_is_shown_without_loss(save, tmp_path):
    image = Image.open(save(tmp_path / "a.png"))
    assert shown_image(image).type == "image/png"
    np.testing.assert_array_equal(np.asarray(opened(shown_image(image))), np.asarray(image))
