"""Reading, conforming and resizing one image."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from pix2pix.images.image import conform, read_image, resize, value_range
from pix2pix.images.masked import read_side
from pix2pix.images.options import ReadOptions
from tests.support.small_sets import make_side

LABEL_IDS = ReadOptions(label_ids=True)


def noise(*shape: int, dtype: str = "uint8") -> np.ndarray:
    rng = np.random.default_rng(0)
    if dtype == "float32":
        return rng.standard_normal(shape, dtype=np.float32)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def smooth(*shape: int) -> np.ndarray:
    """A JPEG compresses it well."""
    return cv2.resize(noise(4, 4, 3), shape[::-1], interpolation=cv2.INTER_CUBIC)


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
        (tmp_path / "x.png").write_bytes(grey_png(ids, bits))

    np.testing.assert_array_equal(read_image(tmp_path / "x.png")[..., 0], ids * spread)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png", LABEL_IDS)[..., 0], ids)


def grey_png(ids: np.ndarray, bits: int) -> bytes:
    """A grey PNG of 2 or 4 bits; no library at hand writes one."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    height, width = ids.shape
    planes = [(ids >> bit) & 1 for bit in reversed(range(bits))]
    rows = np.packbits(np.stack(planes, axis=2).reshape(height, -1), axis=1)
    pixels = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*item) for item in chunks)


def encode(image: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "png16":
        return bytes(cv2.imencode(".png", image.astype(np.uint16) * 257)[1].tobytes())
    if kind.startswith("tiff"):
        compression = {"tiff": None, "tiff-jpeg": "jpeg", "tiff-lzw": "lzw"}[kind]
        tifffile.imwrite(buffer, image, photometric="rgb", compression=compression)
    elif kind == "npy":
        np.save(buffer, image)
    else:
        Image.fromarray(image).save(buffer, format=kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["png", "png16", "jpeg", "tiff", "tiff-jpeg", "tiff-lzw", "npy"])
def test_a_truncated_file_is_named_wherever_it_is_cut(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = encode(smooth(64, 64), kind)
    path = tmp_path / "x.png"
    path.write_bytes(whole)
    assert read_image(path).shape == (64, 64, 3)

    for length in (len(whole) - 1, len(whole) - 5, len(whole) - 40, len(whole) // 2, 30, 9):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"x\.png: .*(truncated|no plain array|no PNG)"):
            read_image(path)
    assert capfd.readouterr() == ("", "")


def test_a_png_with_a_damaged_byte_is_refused(tmp_path: Path) -> None:
    data = bytearray(encode(noise(32, 32, 3), "png"))
    data[len(data) // 2] ^= 1
    (tmp_path / "x.png").write_bytes(data)

    with pytest.raises(ValueError, match=r"x\.png: .*damaged"):
        read_image(tmp_path / "x.png")


def pickled() -> np.ndarray:
    return np.array([[{"a": 1}, None]], dtype=object)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"hello, I am no image\n", "no PNG, JPEG, TIFF, WEBP, BMP, GIF, NPY"),
        (pickled(), "no plain array"),
        (noise(4), r"shape \(4,\)"),
        (noise(2, 4, 4, 3), r"shape \(2, 4, 4, 3\)"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
        (np.array([[0, np.nan, np.inf]], np.float32), "2 NaN or infinite"),
        (np.zeros((4, 4), np.complex64), "complex64"),
        (np.zeros((4, 4), np.int64), "int64.*set num_labels"),
    ],
)
def test_what_is_no_image_is_refused_with_its_name(
    tmp_path: Path, content: bytes | np.ndarray, complaint: str
) -> None:
    path = tmp_path / "bad.png"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with path.open("wb") as file:
            np.save(file, content, allow_pickle=True)

    with pytest.raises(ValueError, match=rf"bad\.png: .*{complaint}"):
        read_image(path)


def test_a_missing_file_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.png: cannot be read"):
        read_image(tmp_path / "none.png")


def test_cmyk_is_refused_rather_than_read_as_four_channels(tmp_path: Path) -> None:
    Image.fromarray(smooth(16, 16)).convert("CMYK").save(tmp_path / "x.jpg")

    with pytest.raises(ValueError, match="CMYK"):
        read_image(tmp_path / "x.jpg")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_grey_is_the_luma_of_rec_601(dtype: str) -> None:
    top = 1.0 if dtype == "float32" else float(np.iinfo(dtype).max)
    primaries = (np.eye(4, 3) * top + np.eye(4)[3][:, None] * top).astype(dtype)[None]
    side = make_side(channels=1, grayscale=True)

    luma = conform(primaries, side)

    expected = np.array([0.299, 0.587, 0.114, 1.0]) * top
    if dtype != "float32":
        expected = np.rint(expected)
    np.testing.assert_array_equal(luma[0, :, 0], expected.astype(dtype), strict=True)


def test_grey_files_pass_where_grey_is_wanted() -> None:
    image = noise(4, 4, 1)

    np.testing.assert_array_equal(conform(image, make_side(channels=1, grayscale=True)), image)


@pytest.mark.parametrize(
    ("channels", "wanted", "hint"),
    [(3, 1, "grayscale: true"), (4, 3, "alpha"), (1, 3, "channels: 1"), (5, 3, "channels: 5")],
)
def test_a_wrong_number_of_channels_is_refused_with_a_remedy(
    channels: int, wanted: int, hint: str
) -> None:
    with pytest.raises(ValueError, match=hint):
        conform(noise(4, 4, channels), make_side(channels=wanted))


def test_the_value_range_is_declared_or_the_labels_or_the_integers() -> None:
    labels = make_side(kind="labels", channels=1, num_labels=19)

    assert value_range("uint8", make_side()) == (0, 255)
    assert value_range("uint16", make_side()) == (0, 65535)
    assert value_range("uint8", labels) == (0, 18)
    assert value_range("float32", make_side(value_range=(-1.0, 3.0))) == (-1, 3)
    with pytest.raises(ValueError, match="value_range"):
        value_range("float32", make_side())


def box_weights(old: int, new: int) -> np.ndarray:
    """(new, old): the share of each old pixel in each new one."""
    edges = np.arange(new + 1) * old / new
    low = np.maximum(edges[:-1, None], np.arange(old))
    high = np.minimum(edges[1:, None], np.arange(old) + 1)
    return np.clip(high - low, 0, None) * new / old


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize("size", [(60, 60), (20, 25), (20, 60), (60, 20), (32, 33)])
def test_area_is_the_mean_of_what_a_pixel_covers(
    dtype: str, channels: int, size: tuple[int, int]
) -> None:
    """Also where one axis grows and the other shrinks, which OpenCV alone gets wrong."""
    image = noise(*size, channels, dtype=dtype)

    resized = resize(image, 32, 32, kernel="area")

    rows, columns = box_weights(size[0], 32), box_weights(size[1], 32)
    exact = np.einsum("ij,jkc,lk->ilc", rows, image.astype(np.float64), columns)
    tolerance = 1e-5 if dtype == "float32" else 0.51
    assert resized.dtype == dtype
    np.testing.assert_allclose(resized, exact, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [20, 60])
def test_bilinear_and_bicubic_are_those_of_torch_with_antialiasing(kernel: str, size: int) -> None:
    image = noise(size, size, 3)

    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    wanted = torch.nn.functional.interpolate(tensor, (32, 32), mode=kernel, antialias=True)
    wanted = wanted[0].permute(1, 2, 0).clamp(0, 255).numpy()
    np.testing.assert_allclose(resize(image, 32, 32, kernel=kernel), wanted, rtol=0, atol=0.51)


@pytest.mark.parametrize("kernel", ["nearest", "area", "bilinear", "bicubic"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_resizing_keeps_dtype_channels_and_a_flat_image(kernel: str, dtype: str) -> None:
    image = np.full((20, 45, 5), 7, dtype=dtype)

    np.testing.assert_array_equal(
        resize(image, 32, 16, kernel=kernel), np.full((32, 16, 5), 7, dtype=dtype), strict=True
    )


def test_nearest_takes_the_pixel_under_the_centre() -> None:
    image = noise(6, 9, 2, dtype="uint16")

    np.testing.assert_array_equal(resize(image, 2, 3, kernel="nearest"), image[1::3, 1::3])
    doubled = image.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(resize(image, 12, 18, kernel="nearest"), doubled)


def test_bicubic_leaves_floats_within_their_range() -> None:
    step = np.zeros((8, 8, 1), dtype=np.float32)
    step[:, 4:] = 1

    resized = resize(step, 19, 19, kernel="bicubic")

    assert (resized.min(), resized.max()) == (0, 1)
