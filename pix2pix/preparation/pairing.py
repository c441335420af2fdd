"""Find the files that do not form a pair, by their names, before any file is opened."""

from collections.abc import Iterator
from pathlib import Path

from pix2pix.images.names import printable, relative_paths
from pix2pix.preparation.folders import Files, SideFiles, split_folder
from pix2pix.preparation.offences import Offence


def lone_files(root: Path, found_a: SideFiles, found_b: SideFiles) -> list[Offence]:
    """Offences for files with a bad name, of an unsupported format, or without exactly one partner.

    With the layout side_by_side, `found_a` and `found_b` are the same files.
    """
    unread = list(_unread(root, found_a, found_b))
    named = {pair_id for offence in unread for pair_id in offence.pair_ids}
    lonely = _missing_partner(root, found_a.images, found_b.images)
    return [
        *_badly_named(root, found_a, found_b),
        *unread,
        *_same_stem(root, found_a.images, found_b.images),
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


def ignored_files(found: list[SideFiles]) -> list[Path]:
    """Files that are no images, and unsupported images beside a supported one of the same stem."""
    beside = [
        path
        for side in found
        for pair_id, paths in side.unread.items()
        if pair_id in side.images
        for path in paths
    ]
    return sorted({*(path for side in found for path in side.others), *beside})


def _badly_named(root: Path, found_a: SideFiles, found_b: SideFiles) -> Iterator[Offence]:
    for pair_id in sorted(found_a.badly_named.keys() | found_b.badly_named.keys()):
        sides = (found_a.badly_named, found_b.badly_named)
        paths = relative_paths(root, [path for side in sides for path in side.get(pair_id, ())])
        yield Offence("bad_name", (printable(pair_id),), paths, "the name is not UTF-8")


def _unread(root: Path, found_a: SideFiles, found_b: SideFiles) -> Iterator[Offence]:
    """Offences for pairs of which a side exists only in an unsupported format."""
    for pair_id in sorted(found_a.unread.keys() | found_b.unread.keys()):
        paths = [
            path
            for side in (found_a, found_b)
            if pair_id not in side.images
            for path in side.unread.get(pair_id, ())
        ]
        if paths:
            kinds = " and ".join(sorted({path.suffix.lower() for path in paths}))
            message = f"{kinds} files are not supported"
            yield Offence("unread_format", (pair_id,), relative_paths(root, paths), message)


def _same_stem(root: Path, files_a: Files, files_b: Files) -> list[Offence]:
    offences = []
    for pair_id in sorted(files_a.keys() | files_b.keys()):
        crowded = [
            files[pair_id] for files in (files_a, files_b) if len(files.get(pair_id, ())) > 1
        ]
        if crowded:
            paths = relative_paths(root, sorted(path for paths in crowded for path in paths))
            message = f"{len(paths)} files have this stem"
            offences.append(Offence("same_stem", (pair_id,), paths, message))
    return offences


def _missing_partner(root: Path, files_a: Files, files_b: Files) -> list[Offence]:
    offences = []
    for pair_id in sorted(files_a.keys() ^ files_b.keys()):
        present, absent = ("A", "B") if pair_id in files_a else ("B", "A")
        paths = relative_paths(root, files_a.get(pair_id) or files_b[pair_id])
        message = f"side {present} has no partner on side {absent}"
        offences.append(Offence("missing_partner", (pair_id,), paths, message))
    return offences
