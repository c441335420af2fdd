"""Images side by side under headings, for people to look at.

Tiles are (H, W, 3) uint8 RGB.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pix2pix.files import write_bytes

_WHITE = 255
_INK = (30, 30, 30)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LARGEST_TEXT = 0.5  # letters of about 11 px, legible without zooming in
_SMALLEST_TEXT = 0.35  # still legible; words that are too wide at this size are cut
_TEXT_MARGIN_PX = 3
_LARGEST_TILE_PX = 1024  # of a tile's longer side
_SMALLEST_TILE_PX = 32  # of a tile's shorter side, where the longer one allows it; and of a heading
_SQUARE_PX = 8  # side of a square of the checkerboard behind transparent pixels
_BOARD = (0.6, 0.8)  # grey levels of the checkerboard, in [0, 1]
_STRIPE_PX = 4  # width of a diagonal stripe over pixels without a value
_STRIPES = ((214, 39, 120), (246, 163, 205))  # their two colours, which images rarely have


def as_rgb8(
    image: np.ndarray,
    value_range: tuple[float, float],
    *,
    alpha: bool = False,
    valid: np.ndarray | None = None,
) -> np.ndarray:
    """Convert stored values (H, W, C) of any dtype to (H, W, 3) uint8 RGB.

    `value_range` is mapped to 0..255; values outside are clipped. One channel becomes grey, two
    become red and green, and of more than three only the first three are used. With `alpha` the
    last channel is opacity, and the others are drawn over a checkerboard. Pixels that are not
    `valid` (H, W) get pink stripes; None: all are valid.
    """
    low, high = value_range
    opacity = image[..., -1:] if alpha else None
    colours = image[..., :-1] if alpha else image
    shares = _shares(colours[..., :3], low, high)
    if opacity is not None:
        shares = _on_checkerboard(shares, _shares(opacity, low, high))
    pixels: np.ndarray = np.rint(shares * 255).astype(np.uint8)
    if pixels.shape[-1] == 1:
        pixels = pixels.repeat(3, axis=-1)
    pixels = np.pad(pixels, ((0, 0), (0, 0), (0, 3 - pixels.shape[-1])))
    return pixels if valid is None else np.where(valid[..., None], pixels, _stripes(valid.shape))


def as_tile(
    image: np.ndarray,
    value_range: tuple[float, float],
    *,
    alpha: bool = False,
    valid: np.ndarray | None = None,
) -> np.ndarray:
    """Convert like `as_rgb8`, to a size at which a person sees it; the aspect is kept.

    What is larger than a screen is shrunk. Images of a few pixels are enlarged by a whole factor,
    each pixel to a square.
    """
    pixels = as_rgb8(image, value_range, alpha=alpha, valid=valid)
    shorter, longer = sorted(pixels.shape[:2])
    if longer <= _LARGEST_TILE_PX:
        factor = min(-(-_SMALLEST_TILE_PX // shorter), _LARGEST_TILE_PX // longer)
        return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    height, width = (max(1, side * _LARGEST_TILE_PX // longer) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


def _shares(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map [low, high] to [0, 1], clipped, float32."""
    shares: np.ndarray = (values.astype(np.float32) - low) / np.float32(high - low)
    return shares.clip(0, 1)


def _stripes(size: tuple[int, ...]) -> np.ndarray:
    """Diagonal stripes, (H, W, 3) uint8."""
    rows, columns = (np.arange(length) for length in size)
    is_dark = (rows[:, None] + columns) // _STRIPE_PX % 2 == 0
    dark, light = np.array(_STRIPES, np.uint8)
    stripes: np.ndarray = np.where(is_dark[..., None], dark, light)
    return stripes


def _on_checkerboard(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Blend colours (H, W, C) with a checkerboard of two greys by their opacity (H, W, 1).

    All values are in [0, 1].
    """
    rows, columns = (np.arange(size) // _SQUARE_PX for size in colours.shape[:2])
    is_dark = ((rows[:, None] + columns) % 2)[..., None]
    board = np.where(is_dark, *_BOARD).astype(np.float32)
    blended: np.ndarray = colours * opacity + board * (1 - opacity)
    return blended


def image_grid(
    rows: Sequence[Sequence[np.ndarray]], *, headings: Sequence[str] = (), gap_px: int = 4
) -> np.ndarray:
    """Arrange tiles in rows and columns on a white background, with a heading above each column.

    A tile that is smaller than the largest one is centred in its cell; no tile is resized. Cells
    under headings are wide enough for letters. The result is (H, W, 3) uint8. Raises ValueError if
    the rows differ in length, or if the number of headings is not the number of columns.
    """
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"a grid needs rows of one length of at least 1, got {sorted(lengths)}")
    if headings and len(headings) not in lengths:
        raise ValueError(f"{len(headings)} headings for {lengths.pop()} columns")
    height = max(tile.shape[0] for row in rows for tile in row)
    width = max(tile.shape[1] for row in rows for tile in row)
    if headings:
        width = max(width, _SMALLEST_TILE_PX)
    strips = [_row([_framed(tile, height, width) for tile in row], gap_px=gap_px) for row in rows]
    if headings:
        strips.insert(0, _row(_heading_tiles(headings, width), gap_px=gap_px))
    return _joined(strips, gap_px=gap_px, axis=0)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 RGB image as a PNG file, completely or not at all."""
    write_bytes(path, png_bytes(image))


def png_bytes(image: np.ndarray) -> bytes:
    """Encode an (H, W, 3) uint8 RGB image as the content of a PNG file."""
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    return encoded.tobytes()


def _framed(tile: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (height - tile.shape[0]) // 2, (width - tile.shape[1]) // 2
    frame = np.full((height, width, 3), _WHITE, np.uint8)
    frame[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return frame


def _row(tiles: Sequence[np.ndarray], *, gap_px: int) -> np.ndarray:
    return _joined(tiles, gap_px=gap_px, axis=1)


def _joined(parts: Sequence[np.ndarray], *, gap_px: int, axis: int) -> np.ndarray:
    """Join parts along `axis`, with a white gap between them."""
    shape = list(parts[0].shape)
    shape[axis] = gap_px
    gap = np.full(shape, _WHITE, np.uint8)
    spaced = [piece for part in parts for piece in (gap, part)][1:]
    return np.concatenate(spaced, axis=axis)


def _heading_tiles(headings: Sequence[str], width: int) -> list[np.ndarray]:
    """One white tile per heading, all of one height and text size.

    Long headings are wrapped. Pair ids may be paths: text becomes smaller to fit a word into a
    line, but never too small to be read.
    """
    room = width - 2 * _TEXT_MARGIN_PX
    words = [word for heading in headings for word in heading.split()]
    widest = max((_text_width(word, _LARGEST_TEXT) for word in words), default=0)
    scale = max(_SMALLEST_TEXT, _LARGEST_TEXT * min(1.0, room / max(widest, 1)))
    wrapped = [_wrap(heading, room, scale=scale) for heading in headings]
    line_px = 2 * cv2.getTextSize("Ag", _FONT, scale, 1)[0][1]
    height = line_px * max(len(lines) for lines in wrapped) + _TEXT_MARGIN_PX
    tiles = [np.full((height, width, 3), _WHITE, np.uint8) for _ in headings]
    for tile, lines in zip(tiles, wrapped, strict=True):
        for number, line in enumerate(lines, start=1):
            origin = (_TEXT_MARGIN_PX, number * line_px - _TEXT_MARGIN_PX)
            cv2.putText(tile, line, origin, _FONT, scale, _INK, 1, cv2.LINE_AA)
    return tiles


def _wrap(text: str, room: int, *, scale: float) -> list[str]:
    lines = [""]
    words = [piece for whole in text.split() for piece in _cut(whole, room, scale=scale)]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _text_width(longer, scale) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _cut(word: str, room: int, *, scale: float) -> list[str]:
    """Cut a word into the longest pieces that fit into a line, after a slash where there is one."""
    pieces = []
    while len(word) > 1 and _text_width(word, scale) > room:
        length = next(
            (n for n in range(len(word) - 1, 1, -1) if _text_width(word[:n], scale) <= room), 1
        )
        length = word.rfind("/", 0, length) + 1 or length
        pieces.append(word[:length])
        word = word[length:]
    return [*pieces, word]


def _text_width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, _FONT, scale, 1)[0][0])
