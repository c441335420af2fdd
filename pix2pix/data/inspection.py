"""Looking at the pixels of one pair: what is wrong with it, and what it is known by."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pix2pix.config import DataConfig, SideConfig
from pix2pix.data.decoded import FileFacts
from pix2pix.data.duplicates import thumbnails
from pix2pix.data.offences import BadPair, Offence, OffenceKind
from pix2pix.data.pairs import PairFiles, read_pair_files, relative_paths


@dataclass(frozen=True, slots=True)
class Inspected:
    """What reading a pair has shown; of an unreadable pair only `files` and `offences` count."""

    files: PairFiles
    offences: tuple[Offence, ...]
    dtypes: tuple[str, str]  # of source and target
    content_hash: str
    thumbnails: np.ndarray  # (2, 256) float32, see `duplicates`
    is_square: bool
    has_flat_labels: bool
    facts: tuple[FileFacts, FileFacts] | None = None  # of source and target


def inspect_pair(files: PairFiles, *, root: Path, config: DataConfig) -> Inspected:
    """Read a pair and note everything that is wrong with it. Raises nothing for bad files."""
    paths = relative_paths(root, (files.path_a, files.path_b))
    try:
        pair = read_pair_files(files, config)
    except BadPair as error:
        blamed = paths if error.path is None else relative_paths(root, [error.path])
        offence = Offence(error.kind, (files.pair_id,), blamed, error.message)
        return Inspected(files, (offence,), ("", ""), "", np.zeros(0), True, False)
    source, target = pair.source, pair.target
    names = ("side A", "side B") if config.direction == "AtoB" else ("side B", "side A")
    sides = (config.source_side, config.target_side)
    wrong = [
        *_too_small(source, config),
        *_wrong_values(source, sides[0], names[0]),
        *_wrong_values(target, sides[1], names[1]),
    ]
    return Inspected(
        files=files,
        offences=tuple(Offence(kind, (files.pair_id,), paths, text) for kind, text in wrong),
        dtypes=(source.dtype.name, target.dtype.name),
        content_hash=content_hash(source, target),
        thumbnails=thumbnails(source, target),
        is_square=source.shape[0] == source.shape[1],
        has_flat_labels=any(
            side.kind == "labels" and _is_flat(image)
            for image, side in zip((source, target), sides, strict=True)
        ),
        facts=(pair.source_facts, pair.target_facts),
    )


def content_hash(source: np.ndarray, target: np.ndarray) -> str:
    """SHA-256 over shape, dtype and bytes of both images as read."""
    digest = hashlib.sha256()
    for image in (source, target):
        digest.update(f"{image.shape} {image.dtype.name} ".encode())
        digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def _too_small(source: np.ndarray, config: DataConfig) -> Iterator[tuple[OffenceKind, str]]:
    height, width = source.shape[:2]
    if min(height, width) < config.image_size:
        yield (
            "too_small",
            f"{width}x{height} px, smaller than data.image_size ({config.image_size})",
        )


def _wrong_values(
    image: np.ndarray, side: SideConfig, name: str
) -> Iterator[tuple[OffenceKind, str]]:
    """Flat images, values beyond value_range."""
    if side.kind == "image" and _is_flat(image):
        yield "constant_image", f"{name} is one flat colour: {image[0, 0].tolist()}"
    if side.value_range is not None:
        low, high = side.value_range
        least, most = image.min(), image.max()
        if least < low or most > high:
            yield "out_of_range", f"{name} has values {least}..{most} outside {low}..{high}"


def _is_flat(image: np.ndarray) -> bool:
    return all(
        bool((row == image[0, 0]).all()) for row in image
    )  # ends at the first row that is not
