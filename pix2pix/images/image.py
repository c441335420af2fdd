"""Read one image file, and convert it to the channels of its side.

A side is a source or the target of a pair, with the settings of `data.side_a`, `data.side_b` or an
entry of `data.extra_sources`. Arrays are (H, W, C), channels in RGB order, uint8, uint16 or
float32.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pix2pix.config import Side, SideConfig
from pix2pix.errors import UserError
from pix2pix.images.decode import OddWidthError, decode_file, decode_halves
from pix2pix.images.decoded import Decoded
from pix2pix.images.labels import class_range, void_to_class
from pix2pix.images.luma import LUMA
from pix2pix.images.names import printable
from pix2pix.images.options import AS_STORED, ReadOptions
from pix2pix.images.rounding import rounded_to
from pix2pix.images.volumes import file_content
from pix2pix.plural import counted

_OPACITY_HINT = "remove the transparency (alpha) channel, or "


def read_image(path: Path, options: ReadOptions = AS_STORED) -> np.ndarray:
    """Return only the pixels of `read_file`."""
    return read_file(path, options).pixels


def read_file(path: Path, options: ReadOptions = AS_STORED) -> Decoded:
    """Read and decode an image file, see `decode_file`.

    Raises UserError naming the file if it cannot be read completely, is no image, or has values
    that are not supported.
    """
    with _named(path):
        return decode_file(file_content(path, options), options)


def read_halves(path: Path, left: ReadOptions, right: ReadOptions) -> tuple[Decoded, Decoded]:
    """Read a file whose halves are two images, see `decode_halves`. Raises as `read_file` does."""
    with _named(path):
        return decode_halves(file_content(path, left), left, right)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Raise UserError with the name of the file for what its content raises."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{printable(path)}: cannot be read ({error.strerror or error})") from None
    except UserError as error:
        kind = OddWidthError if isinstance(error, OddWidthError) else UserError
        name = printable(path)
        raise kind(f"{name}: {error}", for_sender=f"{name}: {error.for_sender}") from None


def conform(image: np.ndarray, side: Side) -> np.ndarray:
    """Convert (H, W, C) to the channels and the class ids that the networks of `side` receive.

    Three channels become luma (ITU-R BT.601, same dtype) if the side is grayscale; pixels with the
    void label get the id after the last class. Raises UserError if the number of channels is not
    the declared one, LabelError if a value is no declared class id.
    """
    return void_to_class(_with_channels(image, side), side)


def _with_channels(image: np.ndarray, side: Side) -> np.ndarray:
    height, width, channels = image.shape
    if side.grayscale and channels == 3:
        if side.kind == "labels":
            return _equal_channel(image)
        return luma(image)
    if channels == side.channels:
        return image
    raise UserError(
        f"{width}x{height} px with {counted(channels, 'channel')} where channels is "
        f"{side.channels}; {_channels_hint(image, side)}",
        for_sender=(
            f"has {counted(channels, 'channel')}, and the model takes {side.channels}; "
            f"{_OPACITY_HINT if channels in (2, 4) else ''}convert it"
        ),
    )


def luma(image: np.ndarray) -> np.ndarray:
    """The brightness (H, W, 1) of colours (H, W, 3), in the same dtype (ITU-R BT.601)."""
    weighted = sum(image[..., index].astype(np.float64) * LUMA[index] for index in range(3))
    return rounded_to(image.dtype, np.asarray(weighted)[..., None])


def _equal_channel(image: np.ndarray) -> np.ndarray:
    """Return one channel of a label map that is stored as RGB with three equal channels.

    Raises UserError if the channels differ.
    """
    if not _is_grey(image):
        raise UserError(
            "grayscale: true would turn label colours into brightness; "
            "set grayscale: false and channels: 3 for colour-coded labels, or num_labels: N if the "
            "colours are a palette of class ids 0..N-1",
            for_sender="has coloured labels, and the model takes grey ones; convert it",
        )
    return np.ascontiguousarray(image[..., :1])


def _channels_hint(image: np.ndarray, side: Side) -> str:
    channels = image.shape[2]
    as_it_is = f"convert it, or set channels: {channels} if all images have so many"
    if channels in (2, 4):
        return _OPACITY_HINT + as_it_is
    if channels != 3 or side.channels != 1:
        return as_it_is
    if side.kind == "image" or _is_grey(image):
        return "set grayscale: true, or convert it"
    if side.num_labels is None:
        return (
            "set num_labels: N if the files store class ids 0..N-1 (the colours of a palette are "
            "then not read), or channels: 3 if each label is a colour"
        )
    return (
        "num_labels needs files with one class id per pixel, grey or with a palette; convert it, "
        "or set num_labels: null and channels: 3 if each label is a colour"
    )


def _is_grey(image: np.ndarray) -> bool:
    return bool((image[..., :1] == image).all())


def value_range(dtype: str | np.dtype, side: SideConfig) -> tuple[float, float]:
    """The stored values that are mapped to -1 and 1.

    `dtype` is that of the files. The result is the declared range, else the range of the class ids,
    else the whole range of uint8 or uint16. Raises UserError for other dtypes without a declared
    range, and for a void_label that the dtype cannot store.
    """
    if side.value_range is not None:
        return side.value_range
    if side.num_labels is not None:
        _check_void_fits(np.dtype(dtype), side)
        return class_range(side.num_labels, side.void_label)
    if np.dtype(dtype).name not in ("uint8", "uint16"):
        raise UserError(
            f"{np.dtype(dtype).name} images have no natural range; "
            "set value_range: [low, high] for this side"
        )
    return (0.0, float(np.iinfo(dtype).max))


def _check_void_fits(dtype: np.dtype, side: SideConfig) -> None:
    if side.void_label is None or dtype.kind == "f":
        return
    if side.void_label > np.iinfo(dtype).max:
        raise UserError(
            f"void_label is {side.void_label}, which {dtype.name} files cannot hold; correct it, "
            "or set void_label: null"
        )
