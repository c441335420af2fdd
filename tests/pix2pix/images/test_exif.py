"""Damaged EXIF data: the picture is read, and no warning of Pillow's reaches the console."""

import io
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pix2pix.images.decode import decode_file
from pix2pix.images.exif import is_damaged
from pix2pix.preparation.checks import check_pairs
from tests.support.png_files import with_chunk
from tests.support.small_sets import make_config, make_side, noise

TURNED = 6


def exif_data() -> bytes:
    """Two tags; the value of the first lies behind the directory."""
    exif = Image.Exif()
    exif[0x010F], exif[274] = "the name of a camera", TURNED
    return exif.tobytes()


def picture(exif: bytes, suffix: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(0, 3)).save(file, suffix, exif=exif)
    return file.getvalue()


def test_what_pillow_warns_of_is_damaged_and_is_no_warning_here() -> None:
    """Two bits of each byte behind the head are changed, one after the other."""
    sound = exif_data()
    num_damaged = 0
    for place in range(14, len(sound) - 22):
        for bit in (1, 128):
            changed = bytearray(sound)
            changed[place] ^= bit
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                exif = Image.Exif()
                exif.load(bytes(changed))
                exif.get(274)
            said = [str(each.message) for each in seen]
            assert is_damaged(bytes(changed)) == bool(said), (place, bit, said)
            num_damaged += bool(said)
    assert num_damaged > 10
    assert not is_damaged(sound)


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "damaged", [exif_data()[:20], exif_data()[:10], b"Exif\0\0no directory"], ids=len
)
def test_a_picture_with_damaged_exif_data_is_read_as_it_is_stored(
    suffix: str, damaged: bytes
) -> None:
    sound = exif_data()
    assert decode_file(picture(sound, suffix)).facts.orientation == TURNED
    decoded = decode_file(picture(damaged, suffix))  # a warning would fail the test
    assert (decoded.facts.has_damaged_exif, decoded.facts.orientation) == (True, 1)
    stored = Image.open(io.BytesIO(picture(b"", suffix)))
    assert np.array_equal(decoded.pixels, np.asarray(stored))
    assert not decode_file(picture(sound, suffix)).facts.has_damaged_exif


def test_so_is_a_png_of_16_bits_of_which_nothing_reaches_the_console(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """libpng itself would say what is wrong in the chunks, without the name of the file."""
    pixels = np.random.default_rng(0).integers(0, 2**16, (8, 6, 3)).astype(np.uint16)
    plain = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
    with_background = with_chunk(plain, b"bKGD", b"too short")
    decoded = decode_file(with_chunk(with_background, b"eXIf", b"no directory"))
    assert (decoded.facts.has_damaged_exif, decoded.facts.orientation) == (True, 1)
    assert np.array_equal(decoded.pixels, pixels)
    assert capfd.readouterr() == ("", "")


def test_a_warning_of_another_library_is_shown_once_however_many_pictures_are_read() -> None:
    """Each new filter makes Python forget what it has shown."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(3):
            decode_file(picture(exif_data()))
            warnings.warn("of another library", stacklevel=1)
    assert [str(each.message) for each in shown] == ["of another library"]


def test_the_report_names_the_files(tmp_path: Path) -> None:
    for name in "AB":
        (tmp_path / name).mkdir()
        for index in range(6):
            file = tmp_path / name / f"{index}.png"
            exif = exif_data()[:20] if (name, index) == ("B", 3) else b""
            Image.fromarray(noise(ord(name) + index, 3)).save(file, exif=exif)
    report = check_pairs(
        tmp_path, make_config(side_a=make_side(), side_b=make_side()), num_workers=1
    )
    (note,) = [note for note in report.notes if "EXIF" in note]
    assert note == (
        "side B: 1 file has damaged EXIF data, which would say how the pixels are turned; "
        "look whether they are upright: 3"
    )


def test_damaged_lists_of_further_pictures_are_no_warning() -> None:
    """Phones append a second picture to a JPEG, which programs that edit the first one spoil."""
    first, second = Image.fromarray(noise(0, 3)), Image.fromarray(noise(1, 3))
    for suffix, name, spoiled in (("MPO", b"MPF\0", b"MPF\0II*\0"), ("PNG", b"acTL", b"acTL")):
        file = io.BytesIO()
        first.save(file, suffix, save_all=True, append_images=[second])
        data = file.getvalue()
        place = data.index(name) + len(spoiled)
        changed = bytearray(data)
        changed[place : place + 4] = bytes(4)
        if suffix == "PNG":
            content = bytes(changed[place : place + 8])
            checksum = zlib.crc32(name + content)
            changed[place + 8 : place + 12] = checksum.to_bytes(4, "big")
        decoded = decode_file(bytes(changed))  # a warning would fail the test
        assert decoded.facts.num_frames == 1
        assert np.array_equal(decoded.pixels, decode_file(data).pixels)
