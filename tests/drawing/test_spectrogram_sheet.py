"""Pictures and letters of our own, read back by Pillow."""

import io
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from violute.drawing.lettering import lettering
from violute.drawing.png import png_bytes


@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 10_000))
def test_another_reader_sees_the_same_pixels(height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(png_bytes(pixels))) as picture:
        picture.verify()
    with Image.open(io.BytesIO(png_bytes(pixels))) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(picture), pixels)


def test_plain_surfaces_take_little_room():
    assert len(png_bytes(np.full((800, 1800, 3), 255, np.uint8))) < 10_000


def test_every_character_is_visible_and_unlike_the_others():
    visible = string.ascii_letters + string.digits + string.punctuation
    seen = {lettering(character).tobytes() for character in visible}
    assert len(seen) == len(visible)
    assert all(lettering(character).any() for character in visible)
    assert not lettering(" ").any()


@pytest.mark.parametrize(
    ("text", "drawn"), [("Flöte", "Flote"), ("ﬁddle", "fiddle"), ("笛", "?"), ("a\tb", "a?b")]
)
def test_what_the_font_lacks_is_replaced(text, drawn):
    assert np.array_equal(lettering(text), lettering(drawn))


def test_text_grows_by_the_width_of_a_letter():
    widths = [lettering("n" * n).shape[1] for n in range(1, 6)]
    assert len(set(np.diff(widths))) == 1
    assert lettering("").shape[1] == 0
