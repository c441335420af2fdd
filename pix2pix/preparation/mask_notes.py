"""Notes for the report about pixels without a value."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import isnan

from pix2pix.config import DataConfig, SideConfig
from pix2pix.data.manifest import StatedNodata
from pix2pix.images.names import first_names
from pix2pix.plural import counted
from pix2pix.preparation.inspection import Inspected


def mask_notes(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[str]:
    """Notes on how much nodata and ignore_label leave out, and where they or masks do nothing."""
    for role, (name, side) in enumerate(config.roles.items()):
        if side.is_masked and pairs:
            yield from _side_notes(pairs, side, role, name)
        if side.nodata != "file":
            yield from _unused_masks(pairs, side, role, name)


def stated_nodata(pairs: Sequence[Inspected], num_sides: int) -> tuple[StatedNodata, ...]:
    """The nodata value that most files of each side state; None if none does."""
    return tuple(_most_stated(pairs, role) for role in range(num_sides))


def _most_stated(pairs: Sequence[Inspected], role: int) -> StatedNodata:
    stated = [pair.facts[role].nodata for pair in pairs]
    counts = Counter[StatedNodata](
        "nan" if isnan(value) else value for value in stated if value is not None
    )
    return min(counts, key=lambda value: (-counts[value], str(value)), default=None)


def _side_notes(
    pairs: Sequence[Inspected], side: SideConfig, role: int, name: str
) -> Iterator[str]:
    rule = _rule(side)
    shares = {pair.files.pair_id: pair.masked_shares[role] for pair in pairs}
    masked = [pair_id for pair_id, share in shares.items() if share]
    if masked:
        mean = sum(shares.values()) / len(shares)
        yield (
            f"side {name}: {rule} leaves out {mean:.2%} of the pixels, in "
            f"{counted(len(masked), 'pair')}: {first_names(masked)}"
        )
    else:
        yield f"side {name}: {rule}, which no pixel has"
    silent = [
        pair.files.pair_id
        for pair in pairs
        if pair.facts[role].nodata is None and not pair.facts[role].has_mask
    ]
    if side.nodata == "file" and silent:
        yield (
            f"side {name}: {counted(len(silent), 'file', verb='have')} neither a nodata value nor "
            f"a mask, so that only NaN is left out: {first_names(silent)}"
        )


def _unused_masks(
    pairs: Sequence[Inspected], side: SideConfig, role: int, name: str
) -> Iterator[str]:
    facts = [(pair.files.pair_id, pair.facts[role]) for pair in pairs]
    held = [pair_id for pair_id, each in facts if each.has_mask and not each.has_alpha]
    if not held:
        return
    if side.kind == "labels":
        remedy = "give these pixels an id of their own, and set ignore_label to it"
    elif name in ("A", "B"):
        remedy = "set nodata: file for this side, or fill these pixels"
    else:  # further sources have no nodata
        remedy = "fill these pixels"
    yield (
        f"side {name}: {counted(len(held), 'TIFF file', verb='hold')} a mask of pixels without a "
        f"value, which is not used; {remedy}: {first_names(held)}"
    )


def _rule(side: SideConfig) -> str:
    if side.nodata is None:
        return f"ignore_label: {side.ignore_label}"
    value = f"{side.nodata:g}" if isinstance(side.nodata, float) else side.nodata
    return f"nodata: {value}"
