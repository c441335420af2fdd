"""What the files of a set say of themselves, where a person should know."""

from collections.abc import Iterator, Sequence

from pix2pix.config import DataConfig
from pix2pix.images.names import first_names
from pix2pix.preparation.inspection import Inspected
from pix2pix.preparation.pairs import orientations_differ
from pix2pix.preparation.sides import side_names


def file_notes(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[str]:
    """Turned sides, frames and pages, lossy labels."""
    yield from _turned(pairs, config)
    sides = (config.source_side, config.target_side)
    for role, (name, side) in enumerate(zip(side_names(config), sides, strict=True)):
        facts = [(pair.files.pair_id, pair.facts[role]) for pair in pairs]
        animated = [pair_id for pair_id, each in facts if each.num_frames > 1]
        if animated:
            yield (
                f"side {name}: {len(animated)} file(s) hold several frames, of which the first is "
                f"taken: {first_names(animated)}"
            )
        paged = [pair_id for pair_id, each in facts if each.num_pages > 1]
        if paged:
            yield (
                f"side {name}: {len(paged)} TIFF file(s) hold several pages, which are taken as "
                f"channels: {first_names(paged)}"
            )
        lossy = [pair_id for pair_id, each in facts if each.is_lossy]
        if lossy and side.kind == "labels":
            yield (
                f"side {name}: {len(lossy)} label file(s) are JPEG or lossy WEBP, which changes "
                f"colours near every edge; PNG does not: {first_names(lossy)}"
            )


def _turned(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[str]:
    """By what the two sides say, with the pairs that say so."""
    said: dict[str, list[str]] = {}
    for pair in pairs:
        a, b = pair.facts if config.direction == "AtoB" else pair.facts[::-1]
        if a.orientation != b.orientation:
            said.setdefault(orientations_differ(a, b), []).append(pair.files.pair_id)
    for what, pair_ids in said.items():
        yield (
            f"in {len(pair_ids)} pair(s) {what}: look whether A and B still show the same: "
            f"{first_names(pair_ids)}"
        )
