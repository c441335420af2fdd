"""OpenEXR files, as the library of its authors writes them."""

import io
from collections.abc import Callable

import numpy as np
import OpenEXR
import pytest

from pix2pix.errors import UserError
from pix2pix.images.decode import decode, decode_file
from pix2pix.images.options import ReadOptions
from tests.support.scientific_files import exr

RNG = np.random.default_rng(0)


def planes(names: str, dtype: str = "float16") -> dict[str, np.ndarray]:
    return {name: (RNG.random((20, 7)) * 9 - 2).astype(dtype) for name in names}


def stacked(channels: dict[str, np.ndarray], names: str) -> np.ndarray:
    return np.stack([channels[name] for name in names], axis=2)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("names", ["RGB", "Y", "Z"])
@pytest.mark.parametrize(
    "compression", ["NO", "RLE", "ZIPS", "ZIP", "PIZ"], ids=lambda name: name.lower()
)
def test_channels_are_read_value_for_value(names: str, dtype: str, compression: str) -> None:
    channels = planes(names, dtype)
    data = exr(channels, compression=getattr(OpenEXR, f"{compression}_COMPRESSION"))

    decoded = decode_file(data)

    np.testing.assert_array_equal(decoded.pixels, stacked(channels, names))
    assert (decoded.facts.dtype, decoded.facts.file_format) == (dtype, "OpenEXR")


@pytest.mark.parametrize(
    ("compression", "dtype", "is_lossy"),
    [
        ("ZIP", "float32", False),
        ("PXR24", "float16", False),
        ("PXR24", "float32", True),
        ("B44", "float16", True),
        ("B44A", "float16", True),
        ("DWAA", "float16", True),
        ("DWAB", "float32", True),
    ],
)
def test_loss_is_told(compression: str, dtype: str, is_lossy: bool) -> None:
    data = exr(planes("RGB", dtype), compression=getattr(OpenEXR, f"{compression}_COMPRESSION"))
    assert decode_file(data).facts.is_lossy == is_lossy


def test_tiles_are_read() -> None:
    channels = planes("RGB", "float32")
    tiles = OpenEXR.TileDescription()
    tiles.xSize = tiles.ySize = 8
    data = exr(channels, type=OpenEXR.tiledimage, tiles=tiles)
    np.testing.assert_array_equal(decode(data), stacked(channels, "RGB"))


def test_colours_are_divided_by_their_alpha() -> None:
    colours = RNG.random((20, 7, 3)).astype(np.float32)
    alpha = np.full((20, 7), 0.25, np.float32)
    alpha[0, 0] = 0
    channels = {name: colours[..., index] * alpha for index, name in enumerate("RGB")}

    decoded = decode_file(exr(channels | {"A": alpha}))

    assert decoded.facts.has_alpha
    expected = np.concatenate([colours, alpha[..., None]], axis=2)
    expected[0, 0] = 0
    np.testing.assert_array_equal(decoded.pixels, expected)


def test_the_key_selects_a_layer_or_a_channel() -> None:
    colours, depth = planes("RGB"), planes("Z", "float32")["Z"]
    layer = {f"diffuse.{name}": plane + 1 for name, plane in colours.items()}
    data = exr(colours | layer | {"depth.Z": depth})
    np.testing.assert_array_equal(
        decode(data, ReadOptions(array_key="diffuse")), stacked(colours, "RGB") + 1
    )
    for key in ("depth", "depth.Z"):
        np.testing.assert_array_equal(decode(data, ReadOptions(array_key=key))[..., 0], depth)
    message = r"channels B, G, R, depth\.Z, .*; set array_key .*, or to a layer: depth, diffuse$"
    with pytest.raises(UserError, match=message):
        decode(data, ReadOptions(array_key="specular"))


def test_the_colours_are_read_beside_what_renderers_add() -> None:
    colours = planes("RGB")
    others = planes("Z", "float32") | {"normal.X": colours["R"], "diffuse.R": colours["G"]}
    decoded = decode_file(exr(colours | others))
    np.testing.assert_array_equal(decoded.pixels, stacked(colours, "RGB"))
    assert decoded.facts.unread_channels == ("Z", "diffuse.R", "normal.X")

    alpha = {"A": np.ones((20, 7), np.float16)}
    decoded = decode_file(exr(colours | others | alpha | {"Y": colours["R"]}))
    np.testing.assert_array_equal(decoded.pixels, stacked(colours | alpha, "RGBA"))
    assert decoded.facts.has_alpha

    layer = {f"beauty.{name}": plane for name, plane in (colours | planes("Z")).items()}
    decoded = decode_file(exr(layer | planes("RGB")), ReadOptions(array_key="beauty"))
    np.testing.assert_array_equal(decoded.pixels, stacked(colours, "RGB"))


@pytest.mark.parametrize("names", ["XYZ", "UV", "ABZ"])
def test_channels_that_are_no_picture_name_no_layer_that_they_do_not_have(names: str) -> None:
    with pytest.raises(UserError, match=r"set array_key of the side to one of them$"):
        decode(exr(planes(names)))


def test_a_cropped_file_is_refused() -> None:
    window = (np.array([0, 0], np.int32), np.array([9, 30], np.int32))
    with pytest.raises(UserError, match=r"stores 7x20 px .*displayWindow"):
        decode(exr(planes("RGB"), displayWindow=window))


def two_parts() -> bytes:
    file = io.BytesIO()
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File([OpenEXR.Part(dict(header), planes("RGB"), eye) for eye in ("l", "r")]).write(file)
    return file.getvalue()


def deep_pixels() -> bytes:
    """Each pixel has a list of depths."""
    depths = np.empty((20, 7), object)
    for place in np.ndindex(depths.shape):
        depths[place] = np.ones(1, np.float32)
    file = io.BytesIO()
    header = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.deepscanline}
    OpenEXR.File(header, {"Z": depths}).write(file)
    return file.getvalue()


@pytest.mark.parametrize("write", [two_parts, deep_pixels])
def test_parts_and_deep_pixels_are_refused(write: Callable[[], bytes]) -> None:
    with pytest.raises(UserError, match="holds several parts or deep pixels; store one flat part"):
        decode(write())


def test_of_a_file_that_was_cut_off_the_library_writes_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = exr(planes("RGB"), compression=OpenEXR.NO_COMPRESSION)
    with pytest.raises(UserError, match="its pixels end beyond the end of the file"):
        decode(data[:-1])
    assert capfd.readouterr() == ("", "")
