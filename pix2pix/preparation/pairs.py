"""Find the pairs of a data folder.

There are three layouts (`data.layout`): with `side_by_side` each file shows A and B side by side;
with `two_folders` A, B and each of `data.extra_sources` have a folder, and files with the same
stem, or with the same key by `data.pair_pattern`, form a pair; with `photos` each file is B, from
which `data.recipe` makes A. All layouts may have split folders train, val, dev and test. Each slice
of a volume is a pair of its own.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pix2pix.config import DataConfig
from pix2pix.errors import UserError
from pix2pix.images.names import printable, relative_paths
from pix2pix.preparation.folders import (
    SUFFIXES,
    SideFiles,
    collect_files,
    image_files,
    no_permission,
)
from pix2pix.preparation.layout import missing_side, refuse_side_folders
from pix2pix.preparation.offences import Offence
from pix2pix.preparation.pair_files import PairFiles, split_into_slices
from pix2pix.preparation.pair_keys import key_finder, refuse_bad_keys, refuse_other_names
from pix2pix.preparation.pairing import ignored_files, lone_files, outside_split_folders
from pix2pix.special_files import refuse_linked_folders


@dataclass(frozen=True, slots=True)
class Discovery:
    """The pairs of a data folder sorted by id, the offences, and the ignored files.

    `unmatched` are the images that `data.pair_pattern` leaves out, `elsewhere` those that lie in no
    folder of a side.
    """

    pairs: tuple[PairFiles, ...]
    offences: tuple[Offence, ...]
    ignored: tuple[str, ...]  # relative to the data folder
    unmatched: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


def find_pairs(root: Path, config: DataConfig) -> Discovery:
    """Pair the image files under `root` by name; only the headers of volumes are read.

    The id of a pair is its path without side folder and suffix, for example train/x, or
    train/x#z012 for a slice. Raises UserError if a folder is missing, holds no images or links to
    folders, or has another layout than data.layout, or if data.pair_pattern does not fit the names.
    """
    refuse_no_folder(root)
    refuse_linked_folders(root)
    refuse_side_folders(root, config)
    found = _collected(root, config)
    offences = lone_files(root, found)
    bad_ids = {pair_id for offence in offences for pair_id in offence.pair_ids}
    paired = {  # a pair without a file of each side is among the offences
        pair_id: [side.images[pair_id][0] for side in found.values()]
        for pair_id in sorted(found["A"].images.keys() - bad_ids)
    }
    outside = outside_split_folders(root, paired)
    outside_ids = {offence.pair_ids[0] for offence in outside}
    pairs, unsliced = split_into_slices(
        [
            PairFiles(pair_id, a, b, extra_paths=tuple(extra))
            for pair_id, (a, b, *extra) in paired.items()
            if pair_id not in outside_ids
        ],
        root=root,
        config=config,
    )
    sides = list(found.values())
    matched = {path for side in sides for paths in side.images.values() for path in paths}
    unmatched = {path for side in sides for path in side.unmatched} - matched
    return Discovery(
        pairs=tuple(pairs),
        offences=(*offences, *outside, *unsliced),
        ignored=relative_paths(root, ignored_files(sides)),
        unmatched=relative_paths(root, sorted(unmatched)),
        elsewhere=relative_paths(root, _elsewhere(root, sides)),
    )


def _elsewhere(root: Path, sides: Sequence[SideFiles]) -> list[Path]:
    """The images below `root` that lie in no folder of a side, such as another split's folder."""
    found = set[Path]()
    for side in sides:
        found.update(side.unmatched)
        for files in (side.images, side.badly_named):
            found.update(*files.values())
    return [path for path in image_files(root) if path not in found]


def refuse_no_folder(root: Path, *, named_by: str = "data.path") -> None:
    """Raise UserError saying what `root` is, unless it is a folder that this user may read."""
    try:
        if not root.is_dir():
            raise UserError(f"{named_by}: {_why_no_folder(root)}")
    except PermissionError:
        raise UserError(f"{named_by}: {no_permission(root.parent)}") from None
    if not os.access(root, os.R_OK | os.X_OK):
        raise UserError(f"{named_by}: {no_permission(root)}")


def _why_no_folder(path: Path) -> str:
    if path.exists():
        return f"{path} is a file; give the folder of the images, and unpack an archive first"
    if path.is_symlink():
        return (
            f"{path} is a link to {path.readlink()}, which does not exist; correct one of the two"
        )
    return f"the folder {path} is missing; correct it, or `dvc pull`"


def _collected(root: Path, config: DataConfig) -> dict[str, SideFiles]:
    """The files of A, of B, which may be the same, and of each extra source.

    Raises UserError as `find_pairs` does.
    """
    if config.layout != "two_folders":
        both = collect_files(root, None)
        _check_not_empty(root, both)
        return {"A": both, "B": both}
    pattern = config.pair_pattern
    folders = {"A": config.folder_a, "B": config.folder_b}
    folders |= {extra.name: extra.folder for extra in config.extra_sources}
    found = {
        name: collect_files(root, folder, key_of=key_finder(pattern, name.lower()))
        for name, folder in folders.items()
    }
    for name, folder in folders.items():
        _check_not_empty(root, found[name], name=name, folder=folder)
    if pattern is None:
        refuse_other_names(found["A"].images.keys(), found["B"].images.keys())
    else:
        for name, files in found.items():
            refuse_bad_keys(root, name, files, pattern=pattern)
    return found


def _check_not_empty(
    root: Path, found: SideFiles, *, name: str = "", folder: str | None = None
) -> None:
    if found.images or found.unread or found.badly_named or found.unmatched:
        return
    if folder is not None:
        raise missing_side(root, folder, extra_source=None if name in ("A", "B") else name)
    raise UserError(
        f"{printable(root)} holds no images ({', '.join(SUFFIXES)}); "
        "correct data.path or data.layout"
    )
