"""Colours seen through an opacity: the last of 2 or 4 channels, not multiplied into them.

Where a pixel is transparent its colour means nothing, though it has one. An average over pixels
must therefore weigh colours by their opacity (Porter and Duff 1984), or the edges of what can be
seen take on colours that cannot.
"""

from collections.abc import Callable

import numpy as np

_TINY = 1e-6  # of full opacity: below, a colour is the quotient of two rounding errors


def weighted_by_alpha(image: np.ndarray, average: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply `average`, a linear map from pixels to pixels, to (H, W, C) with alpha last.

    `average` is given float32 of any number of channels. The result is float32 (H', W', C).
    """
    return straight(average(premultiplied(image)), image)


def premultiplied(image: np.ndarray) -> np.ndarray:
    """(H, W, C) with alpha last -> float32 (H, W, 2C - 1): what may be averaged, for `straight`.

    Colours times opacity, opacity in 0..1, colours as they are.
    """
    values = image.astype(np.float32)
    colours, alpha = values[..., :-1], values[..., -1:] / _top(image)
    return np.concatenate([colours * alpha, alpha, colours], axis=-1)


def straight(averaged: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Float32 (H', W', C) with alpha last, of averages over what `premultiplied` made of `image`.

    Colours keep to the range of those of `image` that can be seen; where nothing can be seen they
    are the plain average.
    """
    num_colours = image.shape[-1] - 1
    weighted, seen = averaged[..., :num_colours], averaged[..., num_colours : num_colours + 1]
    plain = averaged[..., num_colours + 1 :]
    colours = np.divide(weighted, seen, out=plain.copy(), where=seen > _TINY)
    visible = image[..., :-1][image[..., -1] > 0]
    if visible.size:  # bicubic weights are negative in places, and a quotient overshoots with them
        limits = visible.min(axis=0), visible.max(axis=0)
        colours = np.where(seen > _TINY, colours.clip(*limits), plain)
    joined: np.ndarray = np.concatenate([colours, seen * _top(image)], axis=-1, dtype=np.float32)
    return joined


def _top(image: np.ndarray) -> np.float32:
    """Full opacity."""
    return np.float32(np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1.0)
