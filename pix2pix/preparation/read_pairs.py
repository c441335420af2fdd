"""Read the images of a pair, and check that they fit each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig, SideConfig
from pix2pix.errors import UserError
from pix2pix.images.decode import OddWidthError
from pix2pix.images.decoded import Decoded, FileFacts
from pix2pix.images.image import read_file, read_halves
from pix2pix.images.labels import LabelError
from pix2pix.images.masked import conform_masked
from pix2pix.images.options import ReadOptions, side_options
from pix2pix.images.orientation import UPRIGHT
from pix2pix.images.validity import Masked
from pix2pix.preparation.offences import BadPair, OffenceKind
from pix2pix.preparation.pair_files import PairFiles
from pix2pix.preparation.pair_sizes import common_part, sizes_differ
from pix2pix.preparation.photos import made_pair


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
    roles = config.roles
    target_role = list(roles)[1]
    ratios = {role: config.target_ratio(side) for role, side in roles.items()}
    for role, ratio in ratios.items():
        _check_sizes(role, target_role, decoded, ratio=ratio)
    images = [_conformed(role, decoded[role], side) for role, side in roles.items()]
    is_target_size = [role == target_role or ratio == 1 for role, ratio in ratios.items()]
    parts = common_part(images, are_alike=is_target_size)
    return ReadPair(
        images=parts,
        facts=tuple(decoded[role].facts for role in roles),
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
    role: str, target_role: str, decoded: Mapping[str, Decoded], *, ratio: float | None
) -> None:
    """Raise BadPair if the target is not `ratio` times as large as an image; None: any size."""
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
    options = [side_options(side, files.volume_slice, label_ids=label_ids) for side in sides]
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
        kind: OffenceKind = "mask_values" if _is_mask(decoded.pixels) else "label_values"
        raise BadPair(kind, f"side {name}: {error}") from None
    except UserError as error:
        raise BadPair("wrong_channels", f"side {name}: {error}") from None


def _is_mask(pixels: np.ndarray) -> bool:
    """Whether an image holds one value beside 0, as masks of 0 and 255 do, or that value alone."""
    return pixels.dtype.kind != "f" and len(np.unique(pixels[pixels != 0])) == 1
