"""Checking a whole data set before anything is written: every offence, in one report."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pix2pix.config import DataConfig
from pix2pix.data.images import value_range
from pix2pix.data.inspection import Inspected, inspect_pair
from pix2pix.data.leakage import equal_within_splits, find_leaks
from pix2pix.data.offences import Offence
from pix2pix.data.pairs import Discovery, find_pairs, relative_paths
from pix2pix.data.parallel import map_in_order
from pix2pix.data.report import CheckedPair, CheckReport
from pix2pix.data.splits import SPLITS, Split, assign_splits

__all__ = ["CheckReport", "check_pairs"]

_SHOWN_NAMES = 5


def check_pairs(root: Path, config: DataConfig, *, num_workers: int | None = None) -> CheckReport:
    """Read every pair under `root` and report all that is wrong; nothing is written.

    Splits are assigned to the pairs that are sound by themselves; a pair that leaks into a better
    split is then taken out without assigning anew. Raises ValueError only where there is nothing
    to report on: no folder, no images, no offence and yet too few pairs.
    """
    discovery = find_pairs(root, config)
    inspect = partial(inspect_pair, root=root, config=config)
    inspected = list(map_in_order(inspect, discovery.pairs, label="check", num_workers=num_workers))
    offences = [*discovery.offences, *(o for pair in inspected for o in pair.offences)]
    sound = [pair for pair in inspected if not pair.offences]
    dtypes = _usual_dtypes(sound)
    mixed = list(_mixed_dtypes(sound, dtypes, root=root, config=config))
    sound = [pair for pair in sound if pair.dtypes == dtypes]
    offences += [*mixed, *_ranges_missing(dtypes, config)]
    splits, too_few = _try_splits(discovery, sound, config, has_offences=bool(offences))
    placed = [pair for pair in sound if pair.files.pair_id in splits]
    leaks = find_leaks(placed, splits, root=root, max_bits=config.near_duplicate_bits)
    offences += [*too_few, *leaks]
    leaking = {pair_id for leak in leaks for pair_id in leak.pair_ids}
    pairs = [
        CheckedPair(pair.files, splits[pair.files.pair_id], pair.content_hash)
        for pair in placed
        if pair.files.pair_id not in leaking
    ]
    return CheckReport(
        num_found=len(discovery.pairs) + len({o.pair_ids for o in discovery.offences}),
        pairs=tuple(pairs),
        dtypes=dtypes,
        offences=(*offences, *_emptied(pairs, leaks)),
        notes=tuple(_notes(discovery, placed, splits)),
    )


def _usual_dtypes(pairs: Sequence[Inspected]) -> tuple[str, str]:
    """The most frequent dtype of sources and of targets."""
    if not pairs:
        return ("", "")
    counts = [Counter(pair.dtypes[role] for pair in pairs) for role in (0, 1)]
    usual = [min(count, key=lambda dtype: (-count[dtype], dtype)) for count in counts]
    return usual[0], usual[1]


def _mixed_dtypes(
    pairs: Sequence[Inspected], dtypes: tuple[str, str], *, root: Path, config: DataConfig
) -> Iterator[Offence]:
    names = ("A", "B") if config.direction == "AtoB" else ("B", "A")
    for pair in pairs:
        for found, usual, name in zip(pair.dtypes, dtypes, names, strict=True):
            if found != usual:
                files = pair.files
                path = files.path_a if name == "A" else files.path_b
                message = f"side {name} is {found}, most are {usual}"
                yield Offence(
                    "mixed_dtype", (files.pair_id,), relative_paths(root, [path]), message
                )


def _ranges_missing(dtypes: tuple[str, str], config: DataConfig) -> Iterator[Offence]:
    for dtype, side in zip(dtypes, (config.source_side, config.target_side), strict=True):
        try:
            value_range(dtype or "uint8", side)
        except ValueError as error:
            name = "side_a" if side is config.side_a else "side_b"
            yield Offence("no_value_range", (), (), f"data.{name}: {error}")


def _try_splits(
    discovery: Discovery, sound: Sequence[Inspected], config: DataConfig, *, has_offences: bool
) -> tuple[dict[str, Split], list[Offence]]:
    """The splits of the sound pairs, or none and why. Raises ValueError if nothing else is bad."""
    folders = {pair.files.pair_id: pair.files.folder for pair in sound}
    lost = {pair.folder for pair in discovery.pairs} - set(folders.values())
    try:
        if lost:  # or a bad test folder would quietly be replaced by pairs carved from train
            raise ValueError(f"no sound pair is left in {' and '.join(map(str, lost))}")
        return assign_splits(folders, config), []
    except ValueError as error:
        if not has_offences:
            raise
        return {}, [Offence("too_few_pairs", (), (), str(error))]


def _emptied(pairs: Sequence[CheckedPair], leaks: Sequence[Offence]) -> Iterator[Offence]:
    """Splits that leak altogether."""
    filled = {pair.split for pair in pairs}
    if leaks and len(filled) < len(SPLITS):
        names = " and ".join(split for split in SPLITS if split not in filled)
        message = f"all pairs of {names} are duplicates of pairs of a better split"
        yield Offence("too_few_pairs", (), (), message)


def _notes(
    discovery: Discovery, pairs: Sequence[Inspected], splits: dict[str, Split]
) -> Iterator[str]:
    if discovery.num_ignored:
        yield f"{discovery.num_ignored} file(s) of other kinds were left alone"
    oblong = [pair.files.pair_id for pair in pairs if not pair.is_square]
    if oblong:
        yield f"{len(oblong)} pair(s) are not square and will be squeezed: {_some(oblong)}"
    flat = [pair.files.pair_id for pair in pairs if pair.has_flat_labels]
    if flat:
        yield f"{len(flat)} pair(s) have a label map of a single label: {_some(flat)}"
    equal = equal_within_splits(pairs, splits)
    if equal:
        yield f"{len(equal)} pair(s) appear again within their split: {_some(equal)}"


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more
