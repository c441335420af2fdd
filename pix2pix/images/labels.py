"""Class ids as files hold them, and as the networks see them.

In a file the ids are 0..num_labels-1, and `void_label` (often 255) marks pixels without a class.
The networks see void as one more class after the last one, num_labels: next to the other ids and
not far above them, so that it does not take most of the range for itself. Every image then has a
value at every pixel, and L1 and the other scores count void pixels like those of any class.
"""

from typing import Protocol

import numpy as np

from pix2pix.errors import UserError

_SHOWN_VALUES = 5


class LabelSide(Protocol):
    """What is said of the ids of a side; num_labels None: it holds none."""

    @property
    def num_labels(self) -> int | None:
        """The number of classes, void not counted."""

    @property
    def void_label(self) -> int | None:
        """The id in files that means: no class."""


class LabelError(UserError):
    """An image does not hold the class ids that its side declares."""


def class_range(num_labels: int, void_label: int | None) -> tuple[float, float]:
    """The lowest and the highest id that the networks see."""
    return (0.0, float(num_labels - 1 if void_label is None else num_labels))


def void_to_class(image: np.ndarray, side: LabelSide) -> np.ndarray:
    """Ids as in a file, of any shape -> as the networks see them: void becomes num_labels.

    Images of sides without ids are returned as they are. Raises LabelError if there are values that
    are neither ids nor void.
    """
    if side.num_labels is None:
        return image
    if image.dtype.kind == "f":  # floats are never label ids, whole or not
        raise LabelError(f"it holds {image.dtype.name} values; label ids are integers")
    is_void = image == side.void_label if side.void_label is not None else np.False_
    if image.min() < 0 or image.max() >= side.num_labels:
        wrong = (image < 0) | (image >= side.num_labels)
        _refuse(np.unique(image[wrong & ~is_void]), side)
    if not np.any(is_void):
        return image
    return np.where(is_void, image.dtype.type(side.num_labels), image)


def class_to_void(image: np.ndarray, side: LabelSide) -> np.ndarray:
    """The inverse of `void_to_class`: what the networks drew, as ids for a file."""
    if side.num_labels is None or side.void_label is None:
        return image
    return np.where(image == side.num_labels, image.dtype.type(side.void_label), image)


def _refuse(wrong: np.ndarray, side: LabelSide) -> None:
    if not wrong.size:
        return
    shown = ", ".join(str(value) for value in wrong[:_SHOWN_VALUES])
    more = ", ..." if len(wrong) > _SHOWN_VALUES else ""
    void = "" if side.void_label is None else f" and void_label {side.void_label}"
    raise LabelError(f"it holds {shown}{more}; num_labels is {side.num_labels}{void}")
