"""Class ids as files store them, and as the networks receive them.

In a file the ids are 0..num_labels-1, and `void_label` (often 255) marks pixels without a class.
The networks receive void as one more class with the id num_labels. This id is next to the others;
with 255, void would use up most of the value range. Every pixel has a value, so L1 and the
other scores count void pixels like those of any class.
"""

import numpy as np

from pix2pix.config import Side
from pix2pix.errors import UserError

_NUM_LISTED = 5  # wrong ids that an error message lists


class LabelError(UserError):
    """An image has values that are not among the class ids that its side declares."""


def class_range(num_labels: int, void_label: int | None) -> tuple[float, float]:
    """The lowest and the highest id that the networks receive."""
    return (0.0, float(num_labels - 1 if void_label is None else num_labels))


def void_to_class(image: np.ndarray, side: Side) -> np.ndarray:
    """Replace `void_label` by num_labels, in an array of any shape.

    Images of sides without class ids are returned unchanged. Raises LabelError if a value is
    neither a class id nor `void_label`.
    """
    if side.num_labels is None:
        return image
    if image.dtype.kind == "f":  # `stored_pixels` makes integers of whole numbers in files of ids
        fault = f"holds {_kind_of_floats(image)}; class ids are integers"
        raise LabelError(f"it {fault}", for_sender=f"{fault}; convert it, as to uint8")
    is_void = image == side.void_label if side.void_label is not None else np.False_
    if image.min() < 0 or image.max() >= side.num_labels:
        wrong = (image < 0) | (image >= side.num_labels)
        _refuse(np.unique(image[wrong & ~is_void]), side)
    if not np.any(is_void):
        return image
    return np.where(is_void, image.dtype.type(side.num_labels), image)


def class_to_void(image: np.ndarray, side: Side) -> np.ndarray:
    """The inverse of `void_to_class`: replace num_labels by `void_label`, for writing a file.

    Shape and dtype stay.
    """
    if side.num_labels is None or side.void_label is None:
        return image
    return np.where(image == side.num_labels, image.dtype.type(side.void_label), image)


def _kind_of_floats(image: np.ndarray) -> str:
    broken = image[image != np.rint(image)]
    return f"{image.dtype.name} values" + (f", such as {broken[0]:g}" if broken.size else "")


def _refuse(wrong: np.ndarray, side: Side) -> None:
    if not wrong.size:
        return
    listed = ", ".join(str(value) for value in wrong[:_NUM_LISTED])
    more = ", ..." if len(wrong) > _NUM_LISTED else ""
    void = "" if side.void_label is None else f" and void_label {side.void_label}"
    known = f"0..{(side.num_labels or 0) - 1}"
    if side.void_label is not None:
        known += f", and {side.void_label} where there is no class"
    raise LabelError(
        f"it holds {listed}{more}; num_labels is {side.num_labels}{void}",
        for_sender=f"holds {listed}{more}, and the model takes the class ids {known}; correct them",
    )
