"""Checks of whole sides, which need all pairs: identical sides, a wrong layout, flat images."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig
from pix2pix.images.names import first_names
from pix2pix.plural import counted
from pix2pix.preparation.inspection import Inspected, photo_role
from pix2pix.preparation.layout import twin_folders
from pix2pix.preparation.offences import Offence
from pix2pix.preparation.range_use import RangeUse, range_use

_NEARLY_ALL = 0.9
_ALIKE = 0.01  # `Inspected.difference` below which one side is probably a compressed copy
_MAX_MASK_VALUES = 8
_NARROW = 0.75  # width by height of the halves of a photo of 3:2


def range_uses(
    pairs: Sequence[Inspected],
    dtypes: tuple[str, ...],
    config: DataConfig,
    *,
    file_dtypes: tuple[str, ...],
) -> list[RangeUse]:
    """The use of the value range by each side, A, B, then extra sources, in alphabetical order.

    Images of other dtypes are ignored.
    """
    uses = []
    for role, (name, side) in enumerate(config.roles.items()):
        values = [pair.values[role] for pair in pairs if pair.dtypes[role] == dtypes[role]]
        if values:
            uses.append((name, range_use(name, side, file_dtypes[role], values)))
    return [use for _, use in sorted(uses, key=lambda item: item[0])]


def wrong_sides(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[Offence]:
    """Offences of the whole set, which leaving out pairs does not correct."""
    if not pairs:
        return
    num_equal = sum(pair.difference == 0 for pair in pairs)
    if num_equal >= _NEARLY_ALL * len(pairs):
        message = f"A and B are the same picture in {num_equal} of {len(pairs)} pairs"
        yield Offence("identical_sides", (), (), message)
    for name in [extra.name for extra in config.extra_sources]:
        num_copies = sum(name in pair.copies_of_target for pair in pairs)
        if num_copies >= _NEARLY_ALL * len(pairs):
            message = (
                f"{name} and the target are the same picture in {num_copies} of {len(pairs)} pairs"
            )
            yield Offence("identical_sides", (), (), message)
    if config.layout == "photos" and _are_masks(pairs, photo_role(config), "image"):
        message = (
            f"recipe.kind is {config.recipe.kind}, but the files are drawings or label maps: a few "
            "values make up nine tenths of nearly every one"
        )
        yield Offence("recipe_on_labels", (), (), message)
    twins = _twins(pairs, config)
    num_square = sum(pair.is_square for pair in pairs)
    if twins is not None and num_square < len(pairs) / 2:
        message = (
            f"data.layout is side_by_side, but the folders {twins[0]} and {twins[1]} hold files "
            f"of the same names that are not twice as wide as high: set data.folder_a: {twins[0]} "
            f"and data.folder_b: {twins[1]}"
        )
        yield Offence("wrong_layout", (), (), message)


def doubtful_sides(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[str]:
    """Notes on what looks like a mistake but may be intended, and is no offence."""
    if not pairs or config.layout == "photos":
        return
    equal = [pair.files.pair_id for pair in pairs if pair.difference == 0]
    if 0 < len(equal) < _NEARLY_ALL * len(pairs):
        yield f"in {counted(len(equal), 'pair')} A and B are the same picture: {first_names(equal)}"
    differences = [pair.difference for pair in pairs]
    apart = [each for each in differences if each is not None]
    if len(apart) == len(pairs) > len(equal) and 0 < float(np.median(apart)) < _ALIKE:
        yield (
            f"A and B are nearly the same: they differ by {float(np.median(apart)):.2%} of the "
            "range in half of the pairs; look whether one is a copy of the other"
        )
    if config.layout != "side_by_side":
        return
    if are_narrow_halves(pairs):
        height, width = pairs[0].size
        yield (
            f"files of {2 * width}x{height} px were cut into halves of {width}x{height} px: look "
            "whether they do show A and B side by side; if each is a single photo, set "
            "data.layout: photos and data.recipe.kind, or data.layout: two_folders and give the "
            "other side of the pairs"
        )
    twins = _twins(pairs, config)
    if twins is not None and sum(pair.is_square for pair in pairs) >= len(pairs) / 2:
        yield (
            f"the folders {twins[0]} and {twins[1]} hold files of the same names: if they are A "
            "and B, set data.layout: two_folders, data.folder_a and data.folder_b"
        )


def are_narrow_halves(pairs: Sequence[Inspected]) -> bool:
    """Whether nearly all files of the layout side_by_side have the shape of single photos.

    Such photos are 3:2, 4:3 or square, or higher than wide.
    """
    num_narrow = sum(pair.size[1] <= _NARROW * pair.size[0] for pair in pairs)
    return num_narrow >= _NEARLY_ALL * len(pairs)


def flat_images(
    pairs: Sequence[Inspected], config: DataConfig, *, root: Path
) -> tuple[list[Offence], list[str]]:
    """Find images of one colour: offences, and the ids of pairs with an empty mask.

    In a side of masks, images of one colour are no offence, because some masks are empty. A side
    holds masks if its kind is labels, or if nine tenths of its other images have few values.
    """
    offences, empty = [], []
    names = list(config.roles)
    are_masks = [
        _are_masks(pairs, role, side.kind) for role, side in enumerate(config.roles.values())
    ]
    for pair in pairs:
        flat = [role for role, values in enumerate(pair.values) if values.is_flat]
        bad = [role for role in flat if not are_masks[role]]
        for role in bad:
            name = names[role]
            message = f"side {name} is one flat colour: {pair.values[role].low:g}"
            paths = pair.files.names(root)
            offences.append(Offence("constant_image", (pair.files.pair_id,), paths, message))
        if flat and not bad:
            empty.append(pair.files.pair_id)
    return offences, empty


def _are_masks(pairs: Sequence[Inspected], role: int, kind: str) -> bool:
    if kind == "labels":
        return True
    others = [pair.values[role] for pair in pairs if not pair.values[role].is_flat]
    num_masks = sum(values.num_common <= _MAX_MASK_VALUES for values in others)
    return bool(others) and num_masks >= _NEARLY_ALL * len(others)


def _twins(pairs: Sequence[Inspected], config: DataConfig) -> tuple[str, str] | None:
    if config.layout != "side_by_side":
        return None
    return twin_folders([pair.files.pair_id for pair in pairs])
