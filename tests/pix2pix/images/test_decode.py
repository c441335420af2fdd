"""WEBP, BMP and GIF beside the other formats; what a file says of its pixels."""

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.errors import UserError
from pix2pix.images.decode import decode, decode_file
from pix2pix.images.options import ReadOptions, VolumeSlice
from pix2pix.images.tiff import tiff_length
from tests.support.png_files import png_file

LABEL_IDS = ReadOptions(label_ids=True)


def picture(channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 30, channels), dtype=np.uint8)


def encoded(image: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    shown = image if isinstance(image, Image.Image) else Image.fromarray(image.squeeze())
    shown.save(file, kind, **options)
    return file.getvalue()


def animation(kind: str) -> tuple[np.ndarray, bytes]:
    """Three frames of flat blocks, which a GIF holds exactly; the first one, and the file."""
    blocks = np.random.default_rng(1).integers(0, 4, (3, 5, 5, 3), dtype=np.uint8) * np.uint8(85)
    frames = [Image.fromarray(block.repeat(4, 0).repeat(4, 1)) for block in blocks]
    options = {"lossless": True} if kind == "webp" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    return np.asarray(frames[0]), data


@pytest.mark.parametrize(
    ("kind", "channels"), [("webp", 3), ("webp", 4), ("bmp", 3), ("bmp", 1), ("png", 2)]
)
def test_what_is_stored_without_loss_is_read_as_it_was(kind: str, channels: int) -> None:
    options = {"lossless": True, "exact": True} if kind == "webp" else {}
    decoded = decode_file(encoded(picture(channels), kind, **options))

    np.testing.assert_array_equal(decoded.pixels, picture(channels))
    assert decoded.facts.has_alpha == (channels in (2, 4))
    assert not decoded.facts.is_lossy


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_the_first_frame_of_an_animation_is_taken_and_said(kind: str) -> None:
    first, data = animation(kind)
    decoded = decode_file(data)

    np.testing.assert_array_equal(decoded.pixels, first)
    assert decoded.facts.num_frames == 3


@pytest.mark.parametrize("kind", ["gif", "bmp"])
def test_the_palette_of_a_gif_or_bmp_is_ids_for_labels(kind: str) -> None:
    ids = picture(1)[..., 0] % 5
    image = Image.fromarray(ids).convert("P")
    image.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0, 0, 0, 200, 250, 250, 0])
    data = encoded(image, kind, **{"optimize": False} if kind == "gif" else {})

    np.testing.assert_array_equal(decode(data, LABEL_IDS)[..., 0], ids)
    np.testing.assert_array_equal(decode(data), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    ("kind", "options", "is_lossy"),
    [
        ("jpeg", {}, True),
        ("webp", {}, True),
        ("webp", {"lossless": True}, False),
        ("png", {}, False),
    ],
)
def test_loss_is_told(kind: str, options: dict[str, bool], is_lossy: bool) -> None:
    assert decode_file(encoded(picture(), kind, **options)).facts.is_lossy == is_lossy


@pytest.mark.parametrize("kind", ["webp", "bmp", "gif"])
def test_a_truncated_file_is_refused_wherever_it_is_cut(kind: str) -> None:
    data = encoded(picture(), kind)
    for length in (len(data) - 1, len(data) - 5, len(data) // 2, 40, 14, 9):
        with pytest.raises(ValueError, match=r"truncated|is no PNG"):
            decode(data[:length])


def test_the_pages_of_a_tiff_are_counted() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, picture(4).transpose(2, 0, 1), photometric="minisblack")

    assert decode_file(file.getvalue()).facts.num_pages == 4


@pytest.mark.parametrize(("kind", "has_alpha"), [("unassalpha", True), ("unspecified", False)])
def test_a_fourth_band_of_a_tiff_is_alpha_only_where_the_file_says_so(
    kind: str, has_alpha: bool
) -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, picture(4), photometric="rgb", extrasamples=[kind])

    assert decode_file(file.getvalue()).facts.has_alpha == has_alpha


def test_colours_multiplied_by_their_alpha_are_divided_by_it() -> None:
    straight = np.array([[[250, 40, 40, 51], [250, 40, 40, 0]]], np.uint8)
    stored = straight.copy()
    stored[..., :3] = np.rint(straight[..., :3] * (straight[..., 3:] / 255))
    file = io.BytesIO()
    tifffile.imwrite(file, stored, photometric="rgb", extrasamples=["assocalpha"])

    read = decode(file.getvalue())

    assert read[0].tolist() == [[250, 40, 40, 51], [0, 0, 0, 0]]


BOMB_PX = 50_000


def png_bomb(depth: int, colour_type: int) -> bytes:
    """A whole PNG of 50,000 x 50,000 pixels of zeros, in 300 kB for one bit each."""
    channels = {0: 1, 2: 3}[colour_type]
    row = bytes(1 + (BOMB_PX * channels * depth + 7) // 8)
    packer = zlib.compressobj(1)
    num_rows = BOMB_PX if depth == 1 else 10  # what else it claims, is refused before it is missed
    packed = b"".join(packer.compress(row) for _ in range(num_rows)) + packer.flush()
    return png_file(BOMB_PX, BOMB_PX, packed, depth=depth, colour_type=colour_type)


def with_sizes(kind: str) -> bytes:
    """A small file whose header claims the largest sizes that its format knows."""
    data = bytearray(encoded(picture(), kind))
    if kind == "jpeg":
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = struct.pack(">HH", 65_500, 65_500)
    elif kind == "bmp":
        data[18:26] = struct.pack("<ii", BOMB_PX, BOMB_PX)
    else:
        assert kind == "gif"
        data[6:10] = struct.pack("<HH", 65_535, 65_535)
    return bytes(data)


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(partial(png_bomb, 1, 0), id="png of bits"),
        pytest.param(partial(png_bomb, 8, 2), id="png"),
        pytest.param(partial(png_bomb, 16, 0), id="png of 16 bits"),
        *(pytest.param(partial(with_sizes, kind), id=kind) for kind in ("jpeg", "bmp", "gif")),
    ],
)
def test_a_bomb_is_refused_before_it_takes_memory(bomb: Callable[[], bytes]) -> None:
    data = bomb()
    tracemalloc.start()
    with pytest.raises(UserError, match="too large"):
        decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**27


def keyed_png(rows: list[bytes], *, depth: int, colour_type: int, key: tuple[int, ...]) -> bytes:
    """A PNG file of 8 columns without filters, in which one colour is transparent (chunk tRNS)."""
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    colour = ((b"tRNS", struct.pack(f">{len(key)}H", *key)),)
    return png_file(len(rows), 8, packed, depth=depth, colour_type=colour_type, others=colour)


@pytest.mark.parametrize(
    ("depth", "num_colours"), [(1, 1), (2, 1), (4, 1), (8, 1), (8, 3), (16, 1), (16, 3)]
)
def test_a_transparent_colour_of_a_png_becomes_opacity(depth: int, num_colours: int) -> None:
    stored = np.random.default_rng(depth).integers(0, 2**depth, (4, 8, num_colours))
    stored[:, :2] = stored[0, 0]
    bits = [f"{value:0{depth}b}" for value in stored.ravel()]
    packed = [int("".join(bits[first : first + 8]), 2) for first in range(0, len(bits), 8)]
    num_bytes = depth  # of eight values
    content = b"".join(value.to_bytes(num_bytes, "big") for value in packed)
    length = num_bytes * num_colours
    rows = [content[first : first + length] for first in range(0, len(content), length)]
    key = tuple(int(value) for value in stored[0, 0])
    data = keyed_png(rows, depth=depth, colour_type=0 if num_colours == 1 else 2, key=key)

    decoded = decode_file(data)

    top = 65535 if depth == 16 else 255
    colours = stored * (top // (2**depth - 1))
    opacity = np.where((stored == stored[0, 0]).all(axis=2, keepdims=True), 0, top)
    np.testing.assert_array_equal(decoded.pixels, np.concatenate([colours, opacity], axis=2))
    assert decoded.facts.has_alpha
    if num_colours == 1:
        ids = decode_file(data, ReadOptions(label_ids=True))
        np.testing.assert_array_equal(ids.pixels, stored)
        assert not ids.facts.has_alpha


def written_separately(*pages: np.ndarray) -> bytes:
    """A TIFF file whose pages were written in a call each."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack")
    return file.getvalue()


def test_pages_written_one_by_one_are_channels_or_slices() -> None:
    pages = [picture(1)[..., 0] + np.uint8(number) for number in range(3)]
    data = written_separately(*pages)
    np.testing.assert_array_equal(decode(data), np.stack(pages, axis=2))
    assert tiff_length(io.BytesIO(data)) == 3
    chosen = ReadOptions(volume_slice=VolumeSlice("z", 2, 3))
    np.testing.assert_array_equal(decode(data, chosen)[..., 0], pages[2])


@pytest.mark.parametrize("other", [np.zeros((3, 4), np.uint8), picture(1)[..., 0].astype("u2")])
def test_pages_that_differ_are_refused(other: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"holds 2 images of unlike sizes, dtypes or channels"):
        decode(written_separately(picture(1)[..., 0], other))


RAMP = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (imagecodecs.jpeg_encode(RAMP, bitspersample=12), "12 bits with loss"),
        (imagecodecs.ljpeg_encode(RAMP), "16 bits without loss"),
    ],
)
def test_kinds_of_jpeg_that_are_not_read_are_named(content: bytes, said: str) -> None:
    with pytest.raises(UserError, match=f"^is a JPEG file of {said}, of a kind that is not read"):
        decode(content)


def with_thumbnail(image: np.ndarray, **options: Any) -> bytes:
    """A JPEG file with a small one, whole, in its EXIF data, as cameras write it."""
    small = b"Exif\0\0" + encoded(image[:8, :8], "jpeg")
    return encoded(image, "jpeg", exif=small, **options)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("num_zeros", [2, 40, 400])
def test_a_jpeg_that_is_filled_up_with_zeros_is_damaged(num_zeros: int, progressive: bool) -> None:
    """An interrupted copy often has the size of the whole file."""
    data = with_thumbnail(picture(), progressive=progressive)
    assert decode(data).shape == (20, 30, 3)
    with pytest.raises(UserError, match="is truncated or damaged"):
        decode(data[:-num_zeros] + bytes(num_zeros))


def test_what_follows_a_jpeg_or_fills_it_is_passed_over() -> None:
    data = encoded(picture(), "jpeg")
    filled = data[:2] + b"\xff\xff" + data[2:] + b"\0more"
    np.testing.assert_array_equal(decode(filled), decode(data))


def test_the_first_of_several_jpegs_in_a_file_is_taken() -> None:
    file, image = io.BytesIO(), Image.fromarray(picture())
    image.save(file, "MPO", save_all=True, append_images=[image.rotate(180)])
    decoded = decode_file(file.getvalue())
    with Image.open(io.BytesIO(file.getvalue())) as first:
        assert np.array_equal(decoded.pixels, np.asarray(first))
    assert decoded.facts.num_frames == 2
