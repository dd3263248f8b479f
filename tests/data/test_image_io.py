"""PNG: what is written is read, in RGB order, and nothing else is taken for an image."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from iper_bench.data.image_io import decode_png, encode_png


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7), (1, 1, 3)])
@pytest.mark.parametrize("quick", [False, True])
def test_round_trip_is_exact(shape: tuple[int, ...], quick: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(decode_png(encode_png(image, quick=quick)), image)


def test_channels_are_rgb_for_other_readers() -> None:
    import io

    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 200
    assert Image.open(io.BytesIO(encode_png(red))).getpixel((0, 0)) == (200, 0, 0)


@pytest.mark.parametrize("bad", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_refuses_what_is_no_image(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        encode_png(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"no image at all"])
def test_refuses_bytes_that_are_no_image(content: bytes) -> None:
    with pytest.raises(ValueError, match="not an 8-bit image"):
        decode_png(content)
