"""Find the pairs of a data folder, and read the images of a pair.

There are three layouts (`data.layout`): with `side_by_side` each file shows A and B side by side;
with `two_folders` A, B and each of `data.extra_sources` have a folder, and files with the same
stem, or with the same key by `data.pair_pattern`, form a pair; with `photos` each file is B, from
which `data.recipe` makes A. All layouts may have split folders train, val, dev and test. Each slice
of a volume is a pair of its own.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig, SideConfig
from pix2pix.errors import UserError
from pix2pix.images.decode import OddWidthError
from pix2pix.images.decoded import Decoded, FileFacts
from pix2pix.images.image import read_file, read_halves
from pix2pix.images.labels import LabelError
from pix2pix.images.masked import conform_masked
from pix2pix.images.names import printable, relative_paths
from pix2pix.images.options import ReadOptions, side_options
from pix2pix.images.orientation import UPRIGHT
from pix2pix.images.validity import Masked
from pix2pix.preparation.folders import (
    SUFFIXES,
    SideFiles,
    collect_files,
    no_permission,
    split_folder,
)
from pix2pix.preparation.layout import missing_side, refuse_side_folders
from pix2pix.preparation.offences import BadPair, Offence
from pix2pix.preparation.pair_files import PairFiles, split_into_slices
from pix2pix.preparation.pair_keys import key_finder, refuse_bad_keys, refuse_other_names
from pix2pix.preparation.pair_sizes import common_part, sizes_differ
from pix2pix.preparation.pairing import ignored_files, lone_files, outside_split_folders
from pix2pix.preparation.photos import made_pair

__all__ = [
    "Discovery",
    "Offence",
    "PairFiles",
    "ReadPair",
    "find_pairs",
    "orientations_differ",
    "read_pair",
    "read_photo",
    "refuse_no_folder",
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
    refuse_no_folder(root)
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
            PairFiles(pair_id, split_folder(pair_id), a, b, extra_paths=tuple(extra))
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
    )


def refuse_no_folder(root: Path) -> None:
    """Raise UserError saying what `root` is, unless it is a folder that this user may read."""
    try:
        if not root.is_dir():
            raise UserError(f"data.path: {_why_no_folder(root)}")
    except PermissionError:
        raise UserError(f"data.path: {no_permission(root.parent)}") from None
    if not os.access(root, os.R_OK | os.X_OK):
        raise UserError(f"data.path: {no_permission(root)}")


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


@dataclass(frozen=True, slots=True)
class ReadPair:
    """The images of a pair, (H, W, C) each, and the facts that their files state.

    Both have the order of `DataConfig.roles`: source, target, then extra sources. `size` and
    `source_size` are the height and width of the target and of the first source. With `photos`,
    these are the photo's; the image that is made from it has the size of the training split.
    """

    images: tuple[Masked, ...]
    facts: tuple[FileFacts, ...]
    size: tuple[int, int]
    source_size: tuple[int, int]
    is_cut: bool = False  # one image was a pixel larger, which was cut off

    @property
    def source(self) -> np.ndarray:
        """The pixels of the image of the first source."""
        return self.images[0].pixels

    @property
    def target(self) -> np.ndarray:
        """The pixels of the image that is to be generated."""
        return self.images[1].pixels


def read_pair(files: PairFiles, config: DataConfig) -> ReadPair:
    """Read source, target and extra sources, with the channels that their sides declare.

    All have one size, unless `scale` of the sides says otherwise. Raises BadPair, a ValueError, if
    a file cannot be read or the images do not fit each other.
    """
    if config.layout == "photos":
        return _read_photo(files, config)
    read = _read_halves if config.layout == "side_by_side" else _read_each
    decoded = read(files, config)
    target_role = list(config.roles)[1]
    for role in config.roles:
        _check_sizes(role, target_role, decoded, config)
    images = [_conformed(role, decoded[role], side) for role, side in config.roles.items()]
    is_target_size = [
        role == target_role or config.target_ratio(side) == 1 for role, side in config.roles.items()
    ]
    parts = common_part(images, are_alike=is_target_size)
    return ReadPair(
        images=parts,
        facts=tuple(decoded[role].facts for role in config.roles),
        size=_size(parts[1].pixels),
        source_size=_size(parts[0].pixels),
        is_cut=any(part is not image for part, image in zip(parts, images, strict=True)),
    )


def read_photo(files: PairFiles, config: DataConfig) -> tuple[np.ndarray, FileFacts]:
    """Read the photo (H, W, C) of a pair with the layout `photos`. Raises BadPair."""
    decoded = _read(files.path_b, side_options(config.side_b, files.volume_slice))
    return _conformed("B", decoded, config.side_b).pixels, decoded.facts


def _read_photo(files: PairFiles, config: DataConfig) -> ReadPair:
    photo, facts = read_photo(files, config)
    try:
        made = made_pair(
            photo, config, pair_id=files.pair_id, file_dtype=facts.dtype, split="train"
        ).a
    except UserError as error:
        raise BadPair("no_value_range", f"side B: {error}") from None
    dtype = facts.dtype if made.dtype == photo.dtype else made.dtype.name
    facts_a = FileFacts(file_format="made", orientation=facts.orientation, dtype=dtype)
    images, both = (Masked(made), Masked(photo)), (facts_a, facts)
    is_forward = config.direction == "AtoB"
    return ReadPair(
        images=images if is_forward else images[::-1],
        facts=both if is_forward else both[::-1],
        size=_size(photo),
        source_size=_size(photo),
    )


def _size(image: np.ndarray) -> tuple[int, int]:
    return image.shape[0], image.shape[1]


def _check_sizes(
    role: str, target_role: str, decoded: Mapping[str, Decoded], config: DataConfig
) -> None:
    """Raise BadPair if an image and its target do not have the sizes that `scale` declares."""
    ratio = config.target_ratio(config.roles[role])
    if not sizes_differ(decoded[role].pixels, decoded[target_role].pixels, ratio):
        return
    first, second = sorted((role, target_role))  # A before B, and both before extra sources
    sizes = [
        f"{name} is {decoded[name].pixels.shape[1]}x{decoded[name].pixels.shape[0]} px"
        for name in (first, second)
    ]
    message = ", ".join(sizes)
    if ratio != 1:
        message += f", where the target should be {ratio:g} times as large"
    facts = {name: decoded[name].facts for name in (first, second)}
    if facts[first].orientation != facts[second].orientation:
        message += f"; {orientations_differ(facts)}"
    raise BadPair("size_mismatch", message)


def orientations_differ(facts: Mapping[str, FileFacts]) -> str:
    """A message about a pair whose files have different EXIF orientations, by their side."""
    orientations = [
        f"{name} has {'none' if each.orientation == UPRIGHT else each.orientation}"
        for name, each in facts.items()
    ]
    return (
        f"the EXIF orientations differ ({', '.join(orientations)}), and each image was turned by "
        "its own"
    )


def _read_halves(files: PairFiles, config: DataConfig) -> dict[str, Decoded]:
    sides = (config.side_a, config.side_b)
    # One file has one palette, which is read as ids only if both halves are labels.
    label_ids = all(side.num_labels is not None for side in sides)
    options = [
        replace(side_options(side, files.volume_slice), label_ids=label_ids) for side in sides
    ]
    path = files.path_a
    try:
        left, right = read_halves(path, *options)
    except OddWidthError as error:
        raise BadPair("odd_width", _without_name(error, path)) from None
    except UserError as error:
        raise BadPair("unreadable", _without_name(error, path), path=path) from None
    return {"A": left, "B": right}


def _read_each(files: PairFiles, config: DataConfig) -> dict[str, Decoded]:
    return {
        role: _read(path, side_options(config.roles[role], files.volume_slice))
        for role, path in files.by_role(config).items()
    }


def _read(path: Path, options: ReadOptions) -> Decoded:
    try:
        return read_file(path, options)
    except UserError as error:
        raise BadPair("unreadable", _without_name(error, path), path=path) from None


def _without_name(error: UserError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def _conformed(name: str, decoded: Decoded, side: SideConfig) -> Masked:
    try:
        return conform_masked(Masked(decoded.pixels, decoded.valid), side)
    except LabelError as error:
        raise BadPair("label_values", f"side {name}: {error}") from None
    except UserError as error:
        raise BadPair("wrong_channels", f"side {name}: {error}") from None
