"""Decode PNG, JPEG, WEBP, BMP and GIF files, most of them by Pillow.

Pillow alone does not suffice: it returns the readable part of some truncated files without an
error, and reduces 16-bit colours to 8 bits.
"""

import io
import struct

import cv2
import imagecodecs
import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from pix2pix.errors import UserError
from pix2pix.images.colour_profile import stated_profile
from pix2pix.images.decoded import (
    DAMAGED,
    WHOLE_FILE,
    Decoded,
    FileFacts,
    check_size,
    damaged,
    from_bits,
)
from pix2pix.images.exif import is_damaged
from pix2pix.images.jpeg_markers import check_jpeg
from pix2pix.images.orientation import ORIENTATION_TAG, UPRIGHT, orientation, upright
from pix2pix.images.palettes import id_colours
from pix2pix.images.png_chunks import (
    PNG,
    PNG_CHANNELS,
    check_chunks,
    check_rows,
    chunk_content,
    pixel_chunks,
)
from pix2pix.images.silence import silence

_JPEG = b"\xff\xd8\xff"
_GIF = (b"GIF87a", b"GIF89a")
_BMP = b"BM"

_ALPHA_MODES = ("LA", "PA", "RGBA")
_MODES = ("1", "L", "P", "RGB", "I;16", *_ALPHA_MODES)
# PNG chunks that can hold an orientation, and those about colours.
_CICP = b"cICP"
_METADATA_CHUNKS = {b"eXIf", b"iTXt", b"tEXt", b"zTXt", b"iCCP", b"gAMA", _CICP}


def decode_picture(data: bytes, *, label_ids: bool) -> Decoded | None:
    """Decode a file as `decode.decode_file` does; None if it is of none of these formats.

    Of an animation, the first frame is decoded. Raises UserError.
    """
    if data.startswith(PNG):
        return _decode_png(data, label_ids=label_ids)
    if data.startswith(_JPEG):
        check_jpeg(data)
        return _decode_pillow(data, "JPEG", is_lossy=True)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _decode_pillow(data, "WEBP", is_lossy=_has_lossy_chunk(data))
    if data.startswith(_GIF):
        _check_gif_end(data)
        return _decode_pillow(data, "GIF", label_ids=label_ids)
    if data.startswith(_BMP):
        _check_bmp_size(data)
        return _decode_pillow(data, "BMP", label_ids=label_ids)
    return None


def _decode_png(data: bytes, *, label_ids: bool) -> Decoded:
    try:
        kinds = check_chunks(data)
        depth, colour_type = data[24], data[25]
        if depth == 16:  # Pillow would reduce 16-bit colours to 8 bits
            width, height = struct.unpack_from(">II", data, 16)
            check_size(height, width, PNG_CHANNELS[colour_type])
            pixels = _png_16(data)
            turn, profile, has_damaged_exif = UPRIGHT, None, False
            if kinds & _METADATA_CHUNKS:
                turn, profile, has_damaged_exif = _png_metadata(data)
            key = chunk_content(data, b"tRNS") if colour_type in (0, 2) and not label_ids else None
            if key is not None:
                key_values = struct.unpack(f">{PNG_CHANNELS[colour_type]}H", key)
                pixels = _without_key(pixels, key_values, depth)
            facts = FileFacts(
                file_format="PNG",
                orientation=turn,
                has_damaged_exif=has_damaged_exif,
                has_alpha=colour_type in (4, 6) or key is not None,
                colour_profile=profile,
            )
            return Decoded(upright(pixels, turn), facts)
    except DAMAGED as error:
        raise not_read(error) from None
    decoded = _decode_pillow(data, "PNG", label_ids=label_ids, depth=depth)
    if label_ids and colour_type == 0 and 1 < depth < 8:
        # Pillow has scaled 0..2**depth-1 to 0..255; divide to get the stored ids back.
        return Decoded(decoded.pixels // (255 // (2**depth - 1)), decoded.facts)
    return decoded


def _png_16(data: bytes) -> np.ndarray:
    """The pixels (H, W) or (H, W, C) of a PNG file of 16 bits with sound chunks."""
    plain, colour_type, is_interlaced = pixel_chunks(data), data[25], data[28]
    if not is_interlaced:
        return np.asarray(imagecodecs.png_decode(plain))
    # imagecodecs would let libpng write a line to the console, OpenCV leave out missing rows.
    check_rows(data)
    pixels = cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise UserError("its pixels cannot be read")
    order = {2: [2, 1, 0], 4: [0, 3], 6: [2, 1, 0, 3]}  # OpenCV's are BGR, and BGRA with opacity
    return np.asarray(pixels[..., order[colour_type]] if colour_type else pixels)


def open_picture(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    """Open a file by Pillow, of which only the header is read. Raises what Pillow raises."""
    # Pillow's own limit concerns some formats only, and it warns of half as many pixels. Callers
    # compare the size that the header states with a limit of their own.
    Image.MAX_IMAGE_PIXELS = None
    # Of PNG: colour profiles and the notes of image editors may have more than Pillow's 1 MiB.
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY
    # It warns, without the name of the file, of damaged EXIF data, which `has_damaged_exif` tells,
    # and of further pictures of a file, of which only the first one is read.
    silence(r"PIL\.", UserWarning)
    return Image.open(io.BytesIO(data), formats=formats)


def _png_metadata(data: bytes) -> tuple[int, str | None, bool]:
    """Orientation and name of the colour profile of a PNG file, whether its EXIF is damaged."""
    with open_picture(data, ("PNG",)) as image:
        turn, has_damaged_exif = _turn(image)
        return turn, stated_profile(image, chunk_content(data, _CICP)), has_damaged_exif


def _turn(image: Image.Image) -> tuple[int, bool]:
    """The orientation that a picture states, and whether its EXIF data are damaged."""
    data = image.info.get("exif", b"")
    try:
        turn = orientation(image.getexif().get(ORIENTATION_TAG))
    except DAMAGED:  # Pillow reads some damaged data, and refuses what has no directory at all
        return UPRIGHT, True
    return turn, data != b"" and is_damaged(data)


def _decode_pillow(
    data: bytes,
    file_format: str,
    *,
    label_ids: bool = False,
    is_lossy: bool = False,
    depth: int = 8,
) -> Decoded:
    """Decode the first frame of a file with `depth` bits per value, rotated upright."""
    try:
        with open_picture(data, (file_format,)) as file:
            check_size(file.height, file.width, len(file.getbands()))
            num_frames = getattr(file, "n_frames", 1)
            file.load()
            if file_format == "PNG" and _ends_empty(file):
                check_rows(data)
            mode = file.mode
            turn, has_damaged_exif = _turn(file)
            cicp = chunk_content(data, _CICP) if file_format == "PNG" else None
            profile = stated_profile(file, cicp)
            image: Image.Image = file
            if mode == "P" and not label_ids:
                image = file.convert("RGBA" if "transparency" in file.info else "RGB")
            has_alpha = image.mode in _ALPHA_MODES
            pixels: np.ndarray = from_bits(np.asarray(image), label_ids=label_ids)
            palette = _palette(file) if mode == "P" and label_ids else None
            if mode in ("1", "L", "RGB") and "transparency" in file.info and not label_ids:
                pixels = _without_key(pixels, file.info["transparency"], depth)
                has_alpha = True
    except DAMAGED as error:
        raise not_read(error) from None
    if mode not in _MODES:
        raise UserError(f"has {mode} colours; convert it to RGB")
    facts = FileFacts(
        file_format=file_format,
        orientation=turn,
        has_damaged_exif=has_damaged_exif,
        has_alpha=has_alpha,
        is_lossy=is_lossy,
        num_frames=num_frames,
        colour_profile=profile,
        id_colours=() if palette is None else id_colours(pixels, palette),
    )
    return Decoded(upright(pixels, turn), facts)


def not_read(error: BaseException) -> UserError:
    """The error for a file that Pillow could not read, in words that do not name its objects."""
    if isinstance(error, UnidentifiedImageError):
        return damaged(UserError("its header makes no sense"))
    if "nsupported" in str(error):  # it may be sound
        return UserError(
            f"is damaged, or of a kind that is not read ({error}); {WHOLE_FILE}, or convert it to "
            "PNG"
        )
    return damaged(error)


def _palette(image: Image.Image) -> np.ndarray:
    """The colours (K, 3) uint8 of the indices of an image."""
    return np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)


def _ends_empty(image: Image.Image) -> bool:
    """Whether one of the last two rows holds only zeros, or there is only one row.

    Pillow leaves missing rows so, without an error. An interlaced file ends with the last row of
    odd index, and if there is none with a part of its row.
    """
    height = image.height
    rows = np.asarray(image.crop((0, max(0, height - 2), image.width, height)))
    return height == 1 or not rows.reshape(len(rows), -1).any(axis=1).all()


def _without_key(pixels: np.ndarray, key: int | tuple[int, ...], depth: int) -> np.ndarray:
    """Append the opacity to grey or RGB pixels: 0 where they have the colour `key`.

    PNG and GIF files can declare one colour transparent. `key` has the `depth` of the file.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    top = np.iinfo(pixels.dtype).max
    colour = np.atleast_1d(key) * (top // (2**depth - 1))
    opacity = np.where((pixels == colour).all(axis=-1, keepdims=True), 0, top)
    return np.concatenate([pixels, opacity.astype(pixels.dtype)], axis=-1)


def _has_lossy_chunk(data: bytes) -> bool:
    """Whether any frame of a WEBP file is compressed with loss (chunk "VP8 ", not "VP8L")."""
    first = 12
    while first + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, first)
        if kind == b"ANMF":  # a frame; 16 bytes of position and time precede the frame's own chunks
            first += 24
            continue
        if kind == b"VP8 ":
            return True
        first += 8 + length + length % 2
    return False


def _check_gif_end(data: bytes) -> None:
    """Raise UserError if the closing byte is missing.

    Pillow would return the readable part of such a file without an error.
    """
    if not data.rstrip(b"\0\r\n").endswith(b";"):
        raise damaged(UserError("its end is missing"))


def _check_bmp_size(data: bytes) -> None:
    """Raise UserError if there are fewer bytes than the BMP header states."""
    if len(data) < max(int.from_bytes(data[2:6], "little"), 26):
        raise damaged(UserError("its end is missing"))
