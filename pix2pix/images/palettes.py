"""The colours that the palette of a file gives to its indices, where they are class ids."""

import numpy as np

IdColours = tuple[tuple[int, str], ...]  # class ids, rising, and their colours as "#rrggbb"


def id_colours(ids: np.ndarray, palette: np.ndarray) -> IdColours:
    """The colour of each id that an image (uint8 or uint16, of any shape) holds.

    `palette` is (K, 3) uint8. Ids from K on have no colour.
    """
    is_used = np.zeros(np.iinfo(ids.dtype).max + 1, bool)
    is_used[ids.ravel()] = True
    used = np.flatnonzero(is_used[: len(palette)])
    return tuple((int(index), f"#{palette[index].tobytes().hex()}") for index in used)
