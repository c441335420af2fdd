"""Find the files that do not form a pair, by their names, before any file is opened."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pix2pix.images.names import printable, relative_paths
from pix2pix.preparation.folders import Files, SideFiles, split_folder
from pix2pix.preparation.offences import Offence


def lone_files(root: Path, found: Mapping[str, SideFiles]) -> list[Offence]:
    """Offences for files with a bad name, of an unsupported format, or without exactly one partner.

    `found` has the files of each side: A, B, then the extra sources. With the layout side_by_side,
    those of A and B are the same.
    """
    sides = list(found.values())
    unread = list(_unread(root, sides))
    named = {pair_id for offence in unread for pair_id in offence.pair_ids}
    lonely = _missing_partner(root, {name: side.images for name, side in found.items()})
    return [
        *_badly_named(root, sides),
        *unread,
        *_same_stem(root, [side.images for side in sides]),
        *(offence for offence in lonely if offence.pair_ids[0] not in named),
    ]


def outside_split_folders(root: Path, files: Files) -> list[Offence]:
    """Offences for files outside of split folders in a data folder that has split folders."""
    folders = {split_folder(pair_id) for pair_id in files}
    if None not in folders or len(folders) == 1:
        return []
    message = f"lies beside the folders {', '.join(sorted(filter(None, folders)))}: split unknown"
    return [
        Offence("outside_split_folders", (pair_id,), relative_paths(root, paths), message)
        for pair_id, paths in files.items()
        if split_folder(pair_id) is None
    ]


def ignored_files(found: Sequence[SideFiles]) -> list[Path]:
    """Files that are no images, and unsupported images beside a supported one of the same stem."""
    beside = [
        path
        for side in found
        for pair_id, paths in side.unread.items()
        if pair_id in side.images
        for path in paths
    ]
    return sorted({*(path for side in found for path in side.others), *beside})


def _badly_named(root: Path, sides: Sequence[SideFiles]) -> Iterator[Offence]:
    for pair_id in _all_ids([side.badly_named for side in sides]):
        found = [path for side in sides for path in side.badly_named.get(pair_id, ())]
        paths = relative_paths(root, found)
        yield Offence("bad_name", (printable(pair_id),), paths, "the name is not UTF-8")


def _unread(root: Path, sides: Sequence[SideFiles]) -> Iterator[Offence]:
    """Offences for pairs of which a side exists only in an unsupported format."""
    for pair_id in _all_ids([side.unread for side in sides]):
        paths = [
            path
            for side in sides
            if pair_id not in side.images
            for path in side.unread.get(pair_id, ())
        ]
        if paths:
            kinds = " and ".join(sorted({path.suffix.lower() for path in paths}))
            message = f"{kinds} files are not supported"
            yield Offence("unread_format", (pair_id,), relative_paths(root, paths), message)


def _same_stem(root: Path, sides: Sequence[Files]) -> list[Offence]:
    offences = []
    for pair_id in _all_ids(sides):
        crowded = [files[pair_id] for files in sides if len(files.get(pair_id, ())) > 1]
        if crowded:
            paths = relative_paths(root, sorted(path for paths in crowded for path in paths))
            message = f"{len(paths)} files have this stem"
            offences.append(Offence("same_stem", (pair_id,), paths, message))
    return offences


def _missing_partner(root: Path, sides: Mapping[str, Files]) -> list[Offence]:
    offences = []
    for pair_id in _all_ids(list(sides.values())):
        present = [name for name, files in sides.items() if pair_id in files]
        absent = [name for name in sides if name not in present]
        if absent:
            paths = relative_paths(root, sides[present[0]][pair_id])
            message = f"side {present[0]} has no partner on side {' and '.join(absent)}"
            offences.append(Offence("missing_partner", (pair_id,), paths, message))
    return offences


def _all_ids(sides: Sequence[Files]) -> list[str]:
    """The pair ids of all sides, sorted."""
    return sorted({pair_id for files in sides for pair_id in files})
