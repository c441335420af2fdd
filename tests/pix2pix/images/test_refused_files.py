"""Files that are cut, damaged or no images are named."""

import io
import struct
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from pix2pix.images.image import read_image
from pix2pix.images.upload import check_upload
from tests.support.pictures import noise, smooth


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
        (b"\x89PNG\r\n\x1a\n", r"truncated or damaged \(it ends too early\); replace"),
        (b"\xff\xd8\xff", r"truncated or damaged \(its header makes no sense\); replace"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "no image but a pointer of Git LFS; run `git lfs pull` where it was cloned$",
        ),
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


def test_a_kind_that_pillow_does_not_read_may_be_sound(tmp_path: Path) -> None:
    """BMP files of 32 bits in an unusual order of the channels, and JPEG-LS."""
    masks = struct.pack("<3I", 0xFF, 0xFF00, 0xFF0000)
    header = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 32, 3, 8, 0, 0, 0, 0)
    bmp = b"BM" + struct.pack("<IHHI", 74, 0, 0, 66) + header + masks + bytes(8)
    (tmp_path / "x.bmp").write_bytes(bmp)
    with pytest.raises(
        ValueError, match=r"x\.bmp: is damaged, or of a kind that is not read \(.*PNG$"
    ):
        read_image(tmp_path / "x.bmp")
    with pytest.raises(ValueError, match=r"^is damaged, or of a kind that is not read"):
        check_upload(bmp, max_pixels=10)
    (tmp_path / "x.jpg").write_bytes(imagecodecs.jpegls_encode(noise(8, 8)))
    with pytest.raises(
        ValueError, match=r"x\.jpg: is a JPEG file of 8 bits without loss, of a kind"
    ):
        read_image(tmp_path / "x.jpg")


def test_a_missing_file_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.png: cannot be read"):
        read_image(tmp_path / "none.png")
