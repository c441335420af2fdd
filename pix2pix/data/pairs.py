"""Which files belong together, and reading the two images of a pair.

Layouts (`data.layout`): `side_by_side`, one file A|B per pair; `two_folders`, side A and side B in
folders of their own, paired by file stem. Either may be divided into train, val, dev and test.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig, SideConfig
from pix2pix.data.decoded import Decoded, FileFacts
from pix2pix.data.folders import Files, collect_files, split_folder
from pix2pix.data.images import conform, read_file
from pix2pix.data.labels import LabelError
from pix2pix.data.offences import BadPair, Offence
from pix2pix.data.orientation import UPRIGHT
from pix2pix.errors import UserError

__all__ = [
    "Discovery",
    "Offence",
    "PairFiles",
    "ReadPair",
    "find_pairs",
    "orientations_differ",
    "read_pair",
    "read_pair_files",
    "relative_paths",
]


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Where a pair lies; the paths are equal when it is one file A|B."""

    pair_id: str
    folder: str | None
    path_a: Path
    path_b: Path


@dataclass(frozen=True, slots=True)
class Discovery:
    """The pairs of a folder, sorted by id, what is wrong, and how many files were no images."""

    pairs: tuple[PairFiles, ...]
    offences: tuple[Offence, ...]
    num_ignored: int


def find_pairs(root: Path, config: DataConfig) -> Discovery:
    """Pair the image files under `root` by name; none is opened.

    The id of a pair is its path without side folder and suffix: train/x. Raises UserError if a
    folder is missing or holds no images.
    """
    if not root.is_dir():
        raise UserError(f"data.path: the folder {root} is missing; correct it, or `dvc pull`")
    sides: list[str | None] = [None]
    if config.layout == "two_folders":
        sides = list(dict.fromkeys([config.folder_a, config.folder_b]))
    found = [collect_files(root, side) for side in sides]
    files_a, files_b = found[0][0], found[-1][0]
    offences = [*_same_stem(root, files_a, files_b), *_missing_partner(root, files_a, files_b)]
    named = {pair_id for offence in offences for pair_id in offence.pair_ids}
    pairs = [
        PairFiles(pair_id, split_folder(pair_id), files_a[pair_id][0], files_b[pair_id][0])
        for pair_id in sorted(files_a.keys() - named)
    ]
    strays = _outside_split_folders(root, pairs)
    named = {offence.pair_ids[0] for offence in strays}
    return Discovery(
        pairs=tuple(pair for pair in pairs if pair.pair_id not in named),
        offences=(*offences, *strays),
        num_ignored=sum(num_ignored for _, num_ignored in found),
    )


@dataclass(frozen=True, slots=True)
class ReadPair:
    """The images of a pair, (H, W, C) each, and what their files say of them."""

    source: np.ndarray
    target: np.ndarray
    source_facts: FileFacts
    target_facts: FileFacts


def read_pair(files: PairFiles, config: DataConfig) -> tuple[np.ndarray, np.ndarray]:
    """The pair as (source, target), (H, W, C) each, with the channels their sides declare.

    Raises BadPair, a UserError, if a file cannot be read or the two do not make a pair.
    """
    pair = read_pair_files(files, config)
    return pair.source, pair.target


def read_pair_files(files: PairFiles, config: DataConfig) -> ReadPair:
    """`read_pair`, and what the files say of themselves."""
    read = _read_halves if config.layout == "side_by_side" else _read_both
    a, b = read(files, config)
    if a.pixels.shape[:2] != b.pixels.shape[:2]:
        sizes = [f"{side.pixels.shape[1]}x{side.pixels.shape[0]}" for side in (a, b)]
        message = f"A is {sizes[0]} px, B is {sizes[1]} px"
        if a.facts.orientation != b.facts.orientation:
            message += f"; {orientations_differ(a.facts, b.facts)}"
        raise BadPair("size_mismatch", message)
    image_a = _conformed("A", a.pixels, config.side_a)
    image_b = _conformed("B", b.pixels, config.side_b)
    if config.direction == "AtoB":
        return ReadPair(image_a, image_b, a.facts, b.facts)
    return ReadPair(image_b, image_a, b.facts, a.facts)


def orientations_differ(facts_a: FileFacts, facts_b: FileFacts) -> str:
    """What to say of a pair of which the EXIF orientations are not the same."""
    said = [
        f"{name} has {'none' if facts.orientation == UPRIGHT else facts.orientation}"
        for name, facts in (("A", facts_a), ("B", facts_b))
    ]
    return f"the EXIF orientations differ ({', '.join(said)}), and each was turned as its own says"


def relative_paths(root: Path, paths: Iterable[Path]) -> tuple[str, ...]:
    """Paths relative to the data folder, each once."""
    return tuple(path.relative_to(root).as_posix() for path in dict.fromkeys(paths))


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


def _outside_split_folders(root: Path, pairs: list[PairFiles]) -> list[Offence]:
    folders = {pair.folder for pair in pairs}
    if None not in folders or len(folders) == 1:
        return []
    message = f"lies beside the folders {', '.join(sorted(filter(None, folders)))}: split unknown"
    return [
        Offence(
            "outside_split_folders",
            (pair.pair_id,),
            relative_paths(root, (pair.path_a, pair.path_b)),
            message,
        )
        for pair in pairs
        if pair.folder is None
    ]


def _read_halves(files: PairFiles, config: DataConfig) -> tuple[Decoded, Decoded]:
    sides = (config.side_a, config.side_b)
    # A palette cannot hold ids for one half and colours for the other.
    whole = _read(files.path_a, label_ids=all(side.num_labels is not None for side in sides))
    width = whole.pixels.shape[1]
    if width % 2:
        raise BadPair("odd_width", f"{width} px wide: no two equal halves A|B")
    halves = (whole.pixels[:, : width // 2], whole.pixels[:, width // 2 :])
    left, right = (Decoded(np.ascontiguousarray(half), whole.facts) for half in halves)
    return left, right


def _read_both(files: PairFiles, config: DataConfig) -> tuple[Decoded, Decoded]:
    return (
        _read(files.path_a, label_ids=config.side_a.num_labels is not None),
        _read(files.path_b, label_ids=config.side_b.num_labels is not None),
    )


def _read(path: Path, *, label_ids: bool) -> Decoded:
    try:
        return read_file(path, label_ids=label_ids)
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise BadPair("unreadable", reason, path=path) from None


def _conformed(name: str, image: np.ndarray, side: SideConfig) -> np.ndarray:
    try:
        return conform(image, side)
    except LabelError as error:
        raise BadPair("label_values", f"side {name}: {error}") from None
    except UserError as error:
        raise BadPair("wrong_channels", f"side {name}: {error}") from None
