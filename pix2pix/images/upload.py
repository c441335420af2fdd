"""Look at the bytes of a file that a stranger has sent, before they are decoded.

A small file can state a huge picture (a "decompression bomb"), so the size that it states is
compared with a limit first. Only formats are accepted whose headers state the size.
"""

import io

from PIL import UnidentifiedImageError

from pix2pix.errors import UserError
from pix2pix.images.decoded import DAMAGED, WHOLE_FILE, damaged
from pix2pix.images.numpy_files import NPY
from pix2pix.images.pictures import not_read, open_picture
from pix2pix.images.tiff import TIFF
from pix2pix.images.tiff_pages import open_tiff

_PILLOW_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


class UnknownFormatError(UserError):
    """The bytes are no file of an accepted format."""


class TooManyPixelsError(UserError):
    """The file states more pixels than are accepted."""


def check_upload(data: bytes, *, max_pixels: int) -> None:
    """Raise UserError if a file is empty, of another format, or states more than `max_pixels`.

    Accepted are PNG, JPEG, TIFF, WEBP, BMP, GIF and NPY. The pages of a TIFF file count together.
    The values of an NPY file are not compressed, so its length limits its size.
    """
    if not data:
        raise UserError(f"is an empty file; {WHOLE_FILE}")
    if data.startswith(NPY):
        return
    num_pixels = _pixels_of_tiff(data) if data.startswith(TIFF) else _pixels_of_picture(data)
    if num_pixels > max_pixels:
        raise TooManyPixelsError(
            f"has {num_pixels} pixels, more than the {max_pixels} that are accepted; scale it down"
        )


def _pixels_of_tiff(data: bytes) -> int:
    try:
        with open_tiff(io.BytesIO(data)) as file:
            # len() finds pages that point back to earlier ones, over which a loop would not end.
            pages = [file.pages[index].aspage() for index in range(len(file.pages))]
            return sum(page.imagewidth * page.imagelength * page.imagedepth for page in pages)
    except DAMAGED as error:
        raise damaged(error) from None


def _pixels_of_picture(data: bytes) -> int:
    try:
        with open_picture(data, _PILLOW_FORMATS) as picture:
            return picture.width * picture.height
    except UnidentifiedImageError:
        raise UnknownFormatError(
            "is no PNG, JPEG, TIFF, WEBP, BMP, GIF or NPY file, whatever its name says; convert it"
        ) from None
    except DAMAGED as error:
        raise not_read(error) from None
