"""Averages over the pixels of images with an alpha channel.

Alpha (opacity) is the last of 2 or 4 channels. It is "straight": the colours are not multiplied by
it. A transparent pixel also stores a colour, but that colour is meaningless. An average over pixels
must therefore weight each colour by its alpha (Porter and Duff 1984). Otherwise the colours of
transparent pixels leak into the visible ones beside them.
"""

from collections.abc import Callable

import numpy as np

from pix2pix.images.rounding import rounded_to

_TINY = 1e-6  # share of full opacity; below it, dividing by alpha would amplify rounding errors


def weighted_by_alpha(image: np.ndarray, average: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply `average`, a linear map from pixels to pixels, to (H, W, C) with alpha last.

    `average` receives (H, W, 2C - 1) float32. The result is (H', W', C) float32.
    """
    return straight(average(premultiplied(image)), image)


def premultiplied(image: np.ndarray) -> np.ndarray:
    """Prepare (H, W, C) with alpha last for averaging; `straight` converts the average back.

    The result is (H, W, 2C - 1) float32: the colours times alpha, alpha in [0, 1], and the
    unchanged colours.
    """
    values = image.astype(np.float32)
    colours, alpha = values[..., :-1], values[..., -1:] / _top(image)
    return np.concatenate([colours * alpha, alpha, colours], axis=-1)


def straight(averaged: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Convert an average of `premultiplied(image)` back to (H', W', C) float32 with alpha last.

    Colours are clipped to the range of the visible colours of `image`. Where the averaged alpha is
    zero, the colours are the average without weights.
    """
    num_colours = image.shape[-1] - 1
    weighted, alpha = averaged[..., :num_colours], averaged[..., num_colours : num_colours + 1]
    plain = averaged[..., num_colours + 1 :]
    colours = np.divide(weighted, alpha, out=plain.copy(), where=alpha > _TINY)
    visible = image[..., :-1][image[..., -1] > 0]
    if visible.size:  # some bicubic weights are negative, so the quotient can overshoot
        limits = visible.min(axis=0), visible.max(axis=0)
        colours = np.where(alpha > _TINY, colours.clip(*limits), plain)
    joined: np.ndarray = np.concatenate([colours, alpha * _top(image)], axis=-1, dtype=np.float32)
    return joined


def unpremultiplied(image: np.ndarray) -> np.ndarray:
    """Divide colours that a file stores multiplied by alpha, so that alpha is straight.

    `image` is (H, W, C), the last channel alpha; so is the result, of the same dtype. Colours
    of transparent pixels become 0.
    """
    alpha = image[..., -1:].astype(np.float64) / _top(image)
    nothing = np.zeros(image[..., :-1].shape)
    colours = np.divide(image[..., :-1], alpha, out=nothing, where=alpha > 0)
    return np.concatenate([rounded_to(image.dtype, colours), image[..., -1:]], axis=-1)


def _top(image: np.ndarray) -> np.float32:
    """The value of full opacity in the dtype of `image`."""
    return np.float32(np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1.0)
