"""What the recipes of `data.recipe` make of a photo: side A of a pair, or a source to translate.

Preparation and translation both call `made_from`, on the photo at the size at which the networks
see it: lengths of a recipe are pixels of that size, whatever size the file has.
"""

import hashlib
from typing import assert_never

import cv2
import numpy as np

from pix2pix.config import RecipeConfig
from pix2pix.images.image import luma
from pix2pix.images.resize import resize
from pix2pix.images.rounding import rounded_to
from pix2pix.images.validity import fill_value

# Photos are (H, W, C) of uint8, uint16 or float32 with 1 or 3 channels. Results have the dtype and
# the range of values of the photo, except for drawings (edges, sketch), which are uint8.

ValueRange = tuple[float, float]

_WHITE = 255
# The shapes that hide parts of a photo, as shares of its shorter side.
_RECTANGLE = (0.1, 0.4)
_STROKE = (0.03, 0.1)


def made_from(
    photo: np.ndarray, recipe: RecipeConfig, *, pair_id: str, value_range: ValueRange
) -> np.ndarray:
    """Make side A (H', W', C') of a photo (H, W, C) with values in `value_range`.

    C' is 1 for grayscale, edges and sketch. H' and W' are those of the photo, but with `degrade`
    1/recipe.shrink of them, rounded. Random parts depend on recipe.seed and `pair_id` alone.
    """
    match recipe.kind:
        case "grayscale":
            return luma(photo)
        case "edges":
            return _edges(_grey_levels(photo, value_range), recipe)
        case "sketch":
            return _sketch(_grey_levels(photo, value_range), recipe)
        case "mask":
            hidden = _hidden(photo.shape[0], photo.shape[1], recipe, _random(recipe, pair_id))
            black = photo.dtype.type(fill_value(value_range, photo.dtype))
            return np.where(hidden[..., None], black, photo)
        case "degrade":
            return _degraded(photo, recipe, value_range, _random(recipe, pair_id))
        case None:
            raise AssertionError("there is no recipe")
        case _:
            assert_never(recipe.kind)


def _random(recipe: RecipeConfig, pair_id: str) -> np.random.Generator:
    # surrogatepass: photos whose names are not UTF-8 are translated as well.
    digest = hashlib.sha256(f"{recipe.seed} {pair_id}".encode(errors="surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _grey_levels(photo: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """The brightness (H, W) as uint8, with the range of values spread over 0..255."""
    grey = luma(photo) if photo.shape[2] == 3 else photo
    low, high = value_range
    levels = (grey[..., 0].astype(np.float64) - low) * (_WHITE / (high - low))
    return rounded_to(np.dtype(np.uint8), levels)


def _edges(grey: np.ndarray, recipe: RecipeConfig) -> np.ndarray:
    """Black lines on white, (H, W, 1) uint8 (Canny 1986)."""
    smooth = cv2.GaussianBlur(grey, (0, 0), recipe.blur_px) if recipe.blur_px else grey
    lines: np.ndarray = cv2.Canny(smooth, *recipe.thresholds, L2gradient=True)
    if recipe.line_px > 1:
        pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (recipe.line_px, recipe.line_px))
        lines = cv2.dilate(lines, pen)
    return (_WHITE - lines)[..., None]


def _sketch(grey: np.ndarray, recipe: RecipeConfig) -> np.ndarray:
    """Pencil strokes on white, (H, W, 1) uint8: the grey levels divided by their blurred ones."""
    blurred = cv2.GaussianBlur(grey, (0, 0), recipe.blur_px)
    strokes: np.ndarray = cv2.divide(grey, np.maximum(blurred, 1), scale=_WHITE)
    return strokes[..., None]


def _hidden(
    height: int, width: int, recipe: RecipeConfig, random: np.random.Generator
) -> np.ndarray:
    """Which pixels (H, W) rectangles and strokes cover: recipe.hidden_share of them, or more."""
    hidden = np.zeros((height, width), np.uint8)
    shorter = min(height, width)
    while hidden.mean() < recipe.hidden_share:
        x, y, x_end, y_end = (int(random.integers(each)) for each in (width, height) * 2)
        if random.random() < 0.5:
            wide, high = (round(shorter * each) for each in random.uniform(*_RECTANGLE, 2))
            cv2.rectangle(hidden, (x, y), (x + wide, y + high), 1, cv2.FILLED)
        else:
            thickness = max(1, round(shorter * random.uniform(*_STROKE)))
            cv2.line(hidden, (x, y), (x_end, y_end), 1, thickness)
    return hidden.astype(bool)


def _degraded(
    photo: np.ndarray, recipe: RecipeConfig, value_range: ValueRange, random: np.random.Generator
) -> np.ndarray:
    """Blur, then shrink by averaging, then add noise, as a lens and a sensor do."""
    values: np.ndarray = photo.astype(np.float32)
    if recipe.blur_px:
        values = cv2.GaussianBlur(values, (0, 0), recipe.blur_px).reshape(photo.shape)
    height, width = (max(1, round(side / recipe.shrink)) for side in photo.shape[:2])
    values = resize(values, height, width, kernel="area")
    low, high = value_range
    noise = random.normal(0, recipe.noise * (high - low), values.shape)
    return rounded_to(photo.dtype, (values + noise).clip(low, high))
