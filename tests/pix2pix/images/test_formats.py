"""What files of the usual formats hold is read value for value."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.images.image import read_image
from pix2pix.images.masked import read_side
from pix2pix.images.options import ReadOptions
from tests.support.pictures import noise
from tests.support.png_files import grey_png
from tests.support.small_sets import make_side

LABEL_IDS = ReadOptions(label_ids=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_keeps_its_depth_and_its_rgb_order(tmp_path: Path, dtype: str, channels: int) -> None:
    image = noise(9, 13, channels, dtype=dtype)
    codes = {1: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    code = codes[channels]
    stored = image if code is None else cv2.cvtColor(image, code)
    (tmp_path / "x.png").write_bytes(cv2.imencode(".png", stored)[1].tobytes())

    read = read_image(tmp_path / "x.png")

    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_tiff_round_trips(
    tmp_path: Path, dtype: str, channels: int, compression: str | None
) -> None:
    image = noise(16, 20, channels, dtype=dtype)
    photometric = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(
        tmp_path / "x.tif",
        image,
        photometric=photometric,
        planarconfig="contig" if channels > 1 else None,
        compression=compression,
    )

    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), image, strict=True)


def test_the_pages_of_a_tiff_are_its_channels(tmp_path: Path) -> None:
    bands = noise(6, 16, 20, dtype="uint16")
    tifffile.imwrite(tmp_path / "x.tif", bands, photometric="minisblack")

    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), bands.transpose(1, 2, 0))


def test_a_big_endian_tiff_is_read_in_this_machines_order(tmp_path: Path) -> None:
    image = noise(8, 9, 1, dtype="uint16")
    tifffile.imwrite(tmp_path / "x.tif", image[..., 0], byteorder=">")

    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), image, strict=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", ">u2"])
@pytest.mark.parametrize("shape", [(9, 13), (9, 13, 1), (9, 13, 7)])
def test_an_npy_array_round_trips(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    native = np.dtype(dtype).newbyteorder("=")
    image = noise(*shape, dtype=native.name)
    np.save(tmp_path / "x.npy", np.asfortranarray(image.astype(dtype)))

    expected = image.reshape(9, 13, -1)
    np.testing.assert_array_equal(read_image(tmp_path / "x.npy"), expected, strict=True)


def test_the_content_tells_the_format_not_the_suffix(tmp_path: Path) -> None:
    image = noise(8, 8, 3)
    Image.fromarray(image).save(tmp_path / "x.jpg", format="PNG")

    np.testing.assert_array_equal(read_image(tmp_path / "x.jpg"), image)


def test_a_palette_is_colours_or_for_labels_ids(tmp_path: Path) -> None:
    ids = noise(8, 8) % 3
    paletted = Image.fromarray(ids).convert("P")
    paletted.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    paletted.save(tmp_path / "x.png")

    colours = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]], dtype=np.uint8)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), colours[ids])
    np.testing.assert_array_equal(read_image(tmp_path / "x.png", LABEL_IDS)[..., 0], ids)
    labels = make_side(kind="labels", channels=1, num_labels=3)
    np.testing.assert_array_equal(read_side(tmp_path / "x.png", labels).pixels[..., 0], ids)


def test_a_tiff_palette_is_colours_or_for_labels_ids(tmp_path: Path) -> None:
    ids = noise(8, 8) % 3
    colours = np.zeros((256, 3), dtype=np.uint8)
    colours[:3] = [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    palette = (colours.T.astype(np.uint16) * 257).copy()
    tifffile.imwrite(tmp_path / "x.tif", ids, photometric="palette", colormap=palette)

    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), colours[ids])
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", LABEL_IDS)[..., 0], ids)


@pytest.mark.parametrize(("bits", "spread"), [(1, 255), (2, 85), (4, 17)])
def test_small_grey_depths_are_spread_but_not_for_label_ids(
    tmp_path: Path, bits: int, spread: int
) -> None:
    ids = noise(8, 8) % 2**bits
    image = Image.fromarray((ids * spread).astype(np.uint8))
    if bits == 1:
        image.convert("1").save(tmp_path / "x.png")
    else:
        (tmp_path / "x.png").write_bytes(grey_png(ids, depth=bits))

    np.testing.assert_array_equal(read_image(tmp_path / "x.png")[..., 0], ids * spread)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png", LABEL_IDS)[..., 0], ids)
