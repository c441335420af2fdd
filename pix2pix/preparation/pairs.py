"""Find the pairs of a data folder, and read the two images of a pair.

There are two layouts (`data.layout`): with `side_by_side` each file shows A and B side by side;
with `two_folders` A and B have a folder each, and files with the same stem, or with the same key by
`data.pair_pattern`, form a pair. Both layouts may have split folders train, val, dev and test. Each
slice of a volume is a pair of its own.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig, SideConfig
from pix2pix.errors import UserError
from pix2pix.images.decoded import Decoded, FileFacts
from pix2pix.images.image import read_file
from pix2pix.images.labels import LabelError
from pix2pix.images.masked import conform_masked
from pix2pix.images.names import printable, relative_paths
from pix2pix.images.options import ReadOptions, side_options
from pix2pix.images.orientation import UPRIGHT
from pix2pix.images.validity import Masked
from pix2pix.preparation.folders import SUFFIXES, SideFiles, collect_files, split_folder
from pix2pix.preparation.layout import missing_side, refuse_side_folders
from pix2pix.preparation.offences import BadPair, Offence
from pix2pix.preparation.pair_files import PairFiles, split_into_slices
from pix2pix.preparation.pair_keys import key_finder, refuse_bad_keys, refuse_other_names
from pix2pix.preparation.pair_sizes import common_part, sizes_differ
from pix2pix.preparation.pairing import ignored_files, lone_files, outside_split_folders

__all__ = [
    "Discovery",
    "Offence",
    "PairFiles",
    "ReadPair",
    "find_pairs",
    "orientations_differ",
    "read_pair",
]


@dataclass(frozen=True, slots=True)
class Discovery:
    """The pairs of a data folder sorted by id, the offences, and the ignored files.

    `unmatched` are the images that `data.pair_pattern` leaves out.
    """

    pairs: tuple[PairFiles, ...]
    offences: tuple[Offence, ...]
    ignored: tuple[str, ...]  # relative to the data folder
    unmatched: tuple[str, ...] = ()


def find_pairs(root: Path, config: DataConfig) -> Discovery:
    """Pair the image files under `root` by name; only the headers of volumes are read.

    The id of a pair is its path without side folder and suffix, for example train/x, or
    train/x#z012 for a slice. Raises UserError if a folder is missing, holds no images, or has
    another layout than data.layout, or if data.pair_pattern does not fit the names.
    """
    if not root.is_dir():
        raise UserError(f"data.path: the folder {root} is missing; correct it, or `dvc pull`")
    refuse_side_folders(root, config)
    found = _collected(root, config)
    files_a, files_b = found[0].images, found[-1].images
    offences = lone_files(root, found[0], found[-1])
    bad_ids = {pair_id for offence in offences for pair_id in offence.pair_ids}
    paired = {
        pair_id: [files_a[pair_id][0], files_b[pair_id][0]]
        for pair_id in sorted(files_a.keys() & files_b.keys() - bad_ids)
    }
    outside = outside_split_folders(root, paired)
    outside_ids = {offence.pair_ids[0] for offence in outside}
    pairs, unsliced = split_into_slices(
        [
            PairFiles(pair_id, split_folder(pair_id), paths[0], paths[1])
            for pair_id, paths in paired.items()
            if pair_id not in outside_ids
        ],
        root=root,
        config=config,
    )
    matched = {path for side in found for paths in side.images.values() for path in paths}
    unmatched = {path for side in found for path in side.unmatched} - matched
    return Discovery(
        pairs=tuple(pairs),
        offences=(*offences, *outside, *unsliced),
        ignored=relative_paths(root, ignored_files(found)),
        unmatched=relative_paths(root, sorted(unmatched)),
    )


def _collected(root: Path, config: DataConfig) -> list[SideFiles]:
    """The files of A and of B, or those that show both. Raises UserError as `find_pairs` does."""
    if config.layout == "side_by_side":
        both = collect_files(root, None)
        _check_not_empty(root, None, both)
        return [both]
    pattern = config.pair_pattern
    files_a = collect_files(root, config.folder_a, key_of=key_finder(pattern, "a"))
    files_b = collect_files(root, config.folder_b, key_of=key_finder(pattern, "b"))
    _check_not_empty(root, config.folder_a, files_a)
    _check_not_empty(root, config.folder_b, files_b)
    if pattern is None:
        refuse_other_names(files_a.images.keys(), files_b.images.keys())
    else:
        refuse_bad_keys(root, "A", files_a, pattern=pattern)
        refuse_bad_keys(root, "B", files_b, pattern=pattern)
    return [files_a, files_b]


def _check_not_empty(root: Path, side: str | None, found: SideFiles) -> None:
    if found.images or found.unread or found.badly_named or found.unmatched:
        return
    if side is not None:
        raise missing_side(root, side)
    raise UserError(
        f"{printable(root)} holds no images ({', '.join(SUFFIXES)}); "
        "correct data.path or data.layout"
    )


@dataclass(frozen=True, slots=True)
class ReadPair:
    """The images of a pair, (H, W, C) each, and the facts that their files state.

    `source_valid` and `target_valid` (H, W) say which pixels have a value; None: all.
    """

    source: np.ndarray
    target: np.ndarray
    source_facts: FileFacts
    target_facts: FileFacts
    is_cut: bool  # one image was a pixel larger, which was cut off
    source_valid: np.ndarray | None = None
    target_valid: np.ndarray | None = None

    @property
    def images(self) -> tuple[Masked, Masked]:
        """Source and target, each with the pixels that have a value."""
        return Masked(self.source, self.source_valid), Masked(self.target, self.target_valid)


def read_pair(files: PairFiles, config: DataConfig) -> ReadPair:
    """Read source and target, with the channels that their sides declare.

    Both have one size, unless `scale` of the sides says otherwise. Raises BadPair, a ValueError, if
    a file cannot be read or the images do not fit each other.
    """
    read = _read_halves if config.layout == "side_by_side" else _read_both
    a, b = read(files, config)
    source, target = (a, b) if config.direction == "AtoB" else (b, a)
    how = sizes_differ(source.pixels, target.pixels, config)
    if how is not None:
        sizes = [f"{side.pixels.shape[1]}x{side.pixels.shape[0]}" for side in (a, b)]
        message = f"A is {sizes[0]} px, B is {sizes[1]} px{how}"
        if a.facts.orientation != b.facts.orientation:
            message += f"; {orientations_differ(a.facts, b.facts)}"
        raise BadPair("size_mismatch", message)
    image_a = _conformed("A", a, config.side_a)
    image_b = _conformed("B", b, config.side_b)
    images = (image_a, image_b) if config.direction == "AtoB" else (image_b, image_a)
    parts = common_part(*images, config)
    return ReadPair(
        parts[0].pixels,
        parts[1].pixels,
        source.facts,
        target.facts,
        is_cut=parts[0] is not images[0],
        source_valid=parts[0].valid,
        target_valid=parts[1].valid,
    )


def orientations_differ(facts_a: FileFacts, facts_b: FileFacts) -> str:
    """A message about a pair whose files have different EXIF orientations."""
    orientations = [
        f"{name} has {'none' if facts.orientation == UPRIGHT else facts.orientation}"
        for name, facts in (("A", facts_a), ("B", facts_b))
    ]
    return (
        f"the EXIF orientations differ ({', '.join(orientations)}), and each image was turned by "
        "its own"
    )


def _read_halves(files: PairFiles, config: DataConfig) -> tuple[Decoded, Decoded]:
    sides = (config.side_a, config.side_b)
    # One file has one palette, which is read as ids only if both halves are labels.
    label_ids = all(side.num_labels is not None for side in sides)
    options = side_options(config.side_a, files.volume_slice)
    whole = _read(files.path_a, replace(options, label_ids=label_ids))
    width = whole.pixels.shape[1]
    if width % 2:
        raise BadPair("odd_width", f"{width} px wide: no two equal halves A|B")
    left, right = (
        Decoded(
            np.ascontiguousarray(whole.pixels[:, half]),
            whole.facts,
            None if whole.valid is None else whole.valid[:, half],
        )
        for half in (slice(width // 2), slice(width // 2, None))
    )
    return left, right


def _read_both(files: PairFiles, config: DataConfig) -> tuple[Decoded, Decoded]:
    return (
        _read(files.path_a, side_options(config.side_a, files.volume_slice)),
        _read(files.path_b, side_options(config.side_b, files.volume_slice)),
    )


def _read(path: Path, options: ReadOptions) -> Decoded:
    try:
        return read_file(path, options)
    except UserError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise BadPair("unreadable", reason, path=path) from None


def _conformed(name: str, decoded: Decoded, side: SideConfig) -> Masked:
    try:
        return conform_masked(Masked(decoded.pixels, decoded.valid), side)
    except LabelError as error:
        raise BadPair("label_values", f"side {name}: {error}") from None
    except UserError as error:
        raise BadPair("wrong_channels", f"side {name}: {error}") from None
