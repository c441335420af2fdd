"""Whether a folder is laid out as data.layout says; a wrong layout reads nonsense without an error.

Read side by side, the files of two folders are cut into halves, each of which is taken for a side.
"""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from pix2pix.config import DataConfig
from pix2pix.errors import UserError
from pix2pix.images.names import printable
from pix2pix.preparation.folders import (
    SUFFIXES,
    holds_images,
    image_files,
    own_folders,
    split_folder,
)

_FEWEST_TWINS = 2
_NEARLY_ALL = 0.8
_SHOWN_FOLDERS = 8


def refuse_side_folders(root: Path, config: DataConfig) -> None:
    """Raise UserError if the layout is side_by_side where folder_a and folder_b hold images."""
    sides = (config.folder_a, config.folder_b)
    if config.layout != "side_by_side" or sides[0] == sides[1]:
        return
    if all(holds_images(root, side) for side in sides):
        raise UserError(
            f"data.layout is side_by_side, but {printable(root)} holds images in the folders "
            f"{sides[0]} and {sides[1]}: each would be cut into two halves. Set data.layout: "
            "two_folders; or, if every file does show A and B side by side, rename the folders"
        )


def missing_side(root: Path, side_folder: str) -> UserError:
    """What to say where a folder of two_folders holds no images."""
    message = (
        f"{printable(root)} (folder {side_folder!r}) holds no images ({', '.join(SUFFIXES)}); "
    )
    found = own_folders(root)
    if found:
        more = ", ..." if len(found) > _SHOWN_FOLDERS else ""
        names = ", ".join(printable(name) for name in found[:_SHOWN_FOLDERS])
        message += f"the folders there are {names}{more}: "
    message += "correct data.path, data.folder_a or data.folder_b"
    lying_there = [path for path in image_files(root) if _is_no_side(path.relative_to(root))]
    if lying_there:
        message += (
            f"; {len(lying_there)} image(s) such as {printable(lying_there[0].relative_to(root))} lie "
            "in no folder of a side: if each shows A and B side by side, set data.layout: "
            "side_by_side"
        )
    return UserError(message)


def _is_no_side(path: Path) -> bool:
    """Whether a file lies in the data folder itself, or in a split folder itself."""
    return len(path.parts) == 1 or (
        len(path.parts) == 2 and split_folder(f"{path.parts[0].lower()}/x") is not None
    )


def twin_folders(pair_ids: Collection[str]) -> tuple[str, str] | None:
    """The two folders that all files lie in if both hold (nearly) the same names, else None.

    `pair_ids` are those of a side_by_side set. Sides of pairs look like this.
    """
    stems: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for pair_id in pair_ids:
        split = split_folder(pair_id) or ""
        folder, slash, stem = pair_id.removeprefix(f"{split}/").partition("/")
        if not slash:
            return None
        stems[folder].add((split, stem))
    if len(stems) != 2:
        return None
    (first, in_first), (second, in_second) = sorted(stems.items())
    num_twins = len(in_first & in_second)
    if num_twins < max(_FEWEST_TWINS, _NEARLY_ALL * len(in_first | in_second)):
        return None
    return first, second
