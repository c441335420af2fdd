"""One limit for the size of an image holds for all formats."""

import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pix2pix.errors import UserError
from pix2pix.images import decoded
from pix2pix.images.decode import decode
from pix2pix.images.options import ReadOptions, VolumeSlice
from pix2pix.images.upload import check_upload
from tests.support.scientific_files import dicom, exr, nifti, npy, npz, tiff

GREY = np.random.default_rng(0).integers(0, 256, (10, 12), dtype=np.uint8)


def picture(kind: str, pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    text = PngInfo()
    text.add_text("Comment", "such as programs write")  # Pillow looks for the orientation there
    Image.fromarray(pixels).save(file, kind, **({"pnginfo": text} if kind == "PNG" else {}))
    return file.getvalue()


FILES = {
    **{kind: picture(kind, GREY) for kind in ("PNG", "JPEG", "BMP", "GIF")},
    "PNG of 16 bits": picture("PNG", GREY.astype(np.uint16)),
    "NPY": npy(GREY),
    "NPZ": npz(x=GREY),
    "TIFF": tiff(GREY),
    "OpenEXR": exr({"Y": GREY.astype(np.float32)}),
    "DICOM": dicom(GREY),
    "NIfTI": nifti(GREY[..., None]),
}


@pytest.mark.parametrize("kind", FILES)
def test_all_formats_have_the_same_limit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoded, "MAX_VALUES", GREY.size)
    assert decode(FILES[kind]).size % GREY.size == 0
    monkeypatch.setattr(decoded, "MAX_VALUES", GREY.size - 1)
    with pytest.raises(
        UserError, match=r"^is too large: .* at most 119 values .* cut it into parts"
    ):
        decode(FILES[kind])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "PNG of 16 bits"])
@pytest.mark.parametrize("limit_of_pillow", [GREY.size // 3, GREY.size - 1])
def test_pillow_neither_warns_of_large_images_nor_refuses_them(
    kind: str, limit_of_pillow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit_of_pillow)
    check_upload(FILES[kind], max_pixels=GREY.size)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit_of_pillow)
    assert decode(FILES[kind]).size % GREY.size == 0


def test_of_a_volume_the_slices_are_compared_with_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoded, "MAX_VALUES", GREY.size)
    stack = np.stack([GREY] * 3)
    for data in (npy(stack), npz(x=stack), tiff(stack), nifti(stack.T), dicom(stack)):
        options = ReadOptions(volume_slice=VolumeSlice("z", 1, 3))
        np.testing.assert_array_equal(decode(data, options)[..., 0], GREY)
