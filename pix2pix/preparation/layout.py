"""Check that a data folder has the layout that data.layout declares.

A wrong layout would give nonsense without an error: with side_by_side, each file of two separate
folders would be cut into halves, and the halves used as source and target.
"""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from unicodedata import normalize

from pix2pix.config import DataConfig
from pix2pix.errors import UserError
from pix2pix.images.names import first_names, printable
from pix2pix.plural import counted
from pix2pix.preparation.folders import (
    SUFFIXES,
    holds_images,
    image_files,
    own_folders,
    split_folder,
)

_FEWEST_TWINS = 2  # files with the same name in two folders
_NEARLY_ALL = 0.8
_NUM_LISTED = 8  # folders that a message lists


def refuse_side_folders(root: Path, config: DataConfig) -> None:
    """Raise UserError if the folders of sides hold images that the layout takes for one side.

    Photos may lie in one of the two folders.
    """
    sides = (config.folder_a, config.folder_b)
    if config.layout == "two_folders" or sides[0] == sides[1]:
        return
    there = [side for side in sides if holds_images(root, side)]
    if config.layout == "photos" and len(there) == len(sides):
        raise UserError(
            f"data.layout is photos, but {printable(root)} holds images in the folders {sides[0]} "
            f"and {sides[1]}, which look like the sides of pairs: set data.path to the one that "
            "holds the photos; or set data.layout: two_folders and data.recipe.kind: null"
        )
    if config.layout == "side_by_side" and there:
        raise UserError(
            f"data.layout is side_by_side, but {printable(root)} holds images in "
            f"{' and '.join(there)}: each would be cut into two halves. Set data.layout: "
            "two_folders; or, if every file does show A and B side by side, rename the folders"
        )


def missing_side(root: Path, side_folder: str, *, extra_source: str | None) -> UserError:
    """The error for a folder of the layout two_folders that holds no images.

    `extra_source` is the name of the extra source whose folder it is.
    """
    message = (
        f"{printable(root)} (folder {side_folder!r}) holds no images ({', '.join(SUFFIXES)}); "
    )
    folders = own_folders(root)
    if any(_is_same_name(side_folder, folder) for folder in folders):
        return UserError(
            f"{message}the folder of this name there has its accents stored in another form "
            "(composed or decomposed Unicode); type the name anew for the folder, as with `mv`, so "
            "that both are alike"
        )
    if folders:
        names = first_names([printable(name) for name in folders], max_names=_NUM_LISTED)
        message += f"the folders there are {names}: "
    if extra_source is not None:
        return UserError(f"{message}correct the folder of {extra_source} in data.extra_sources")
    message += "correct data.path, data.folder_a or data.folder_b"
    outside = [path for path in image_files(root) if _is_no_side(path.relative_to(root))]
    if outside:
        message += (
            f"; {counted(len(outside), 'image', verb='lie')} in no folder of a side, such as "
            f"{printable(outside[0].relative_to(root))}: if each shows A and B side by side, set "
            "data.layout: side_by_side"
        )
    return UserError(message)


def _is_same_name(one: str, other: str) -> bool:
    """Whether two unlike texts look the same: Unicode NFC and NFD, as systems store names."""
    return one != other and normalize("NFC", one) == normalize("NFC", other)


def _is_no_side(path: Path) -> bool:
    """Whether a file (relative path) lies directly in the data folder or in a split folder."""
    return len(path.parts) == 1 or (
        len(path.parts) == 2 and split_folder(f"{path.parts[0].lower()}/x") is not None
    )


def twin_folders(pair_ids: Collection[str]) -> tuple[str, str] | None:
    """The two folders that hold all files, if they hold (nearly) the same file names; else None.

    `pair_ids` were collected for the layout side_by_side. Two such folders are probably the sides
    of the layout two_folders.
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
