"""Check a whole data set before anything is written, and report all offences at once.

An offence is something that is wrong with the data, see `offences`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pix2pix.config import DataConfig
from pix2pix.data.splits import Split, assign_splits, find_stand_ins
from pix2pix.errors import UserError
from pix2pix.images.names import first_names
from pix2pix.plural import counted
from pix2pix.preparation.affines import affine_notes, direction_notes
from pix2pix.preparation.consistency import (
    in_common_units,
    inconsistencies,
    is_consistent,
    usual,
)
from pix2pix.preparation.file_notes import file_notes
from pix2pix.preparation.folders import split_folder
from pix2pix.preparation.inspection import Inspected, inspect_pair
from pix2pix.preparation.label_notes import label_notes
from pix2pix.preparation.leakage import equal_within_splits, find_leaks
from pix2pix.preparation.mask_notes import mask_notes, stated_nodata
from pix2pix.preparation.offences import Offence
from pix2pix.preparation.pair_files import PairFiles, have_volumes
from pix2pix.preparation.pairs import Discovery, find_pairs
from pix2pix.preparation.parallel import map_in_order
from pix2pix.preparation.range_use import RangeUse
from pix2pix.preparation.report import CheckedPair, CheckReport
from pix2pix.preparation.sides import (
    doubtful_sides,
    flat_images,
    range_uses,
    wrong_sides,
)
from pix2pix.preparation.sizes import crop_beyond_all, size_notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the pixels of pairs tell: the `decoded` ones, those without offences, and the rest."""

    decoded: list[Inspected]
    sound: list[Inspected]
    offences: list[Offence]
    dtypes: tuple[str, ...]  # of the images, in the order of `DataConfig.roles`
    file_dtypes: tuple[str, ...]
    uses: list[RangeUse]
    empty_masks: list[str]  # ids of the pairs


def check_pairs(root: Path, config: DataConfig, *, num_workers: int | None = None) -> CheckReport:
    """Read every pair under `root` and report everything that is wrong. Writes nothing.

    Raises UserError only if no report is possible: the folder is missing or has no images, or there
    are too few pairs although no pair is bad.
    """
    discovery = find_pairs(root, config)
    seen = inspect_pairs(discovery.pairs, config, root=root, num_workers=num_workers)
    num_sides = len(config.roles)
    offences = [*discovery.offences, *seen.offences]
    pairs, splits, split_offences = _split_without_leaks(
        seen.sound, discovery, config, root=root, is_clean=not offences
    )
    return CheckReport(
        num_found=len(discovery.pairs) + len({o.pair_ids for o in discovery.offences}),
        pairs=tuple(
            CheckedPair(pair.files, splits[pair.files.pair_id], pair.content_hash, pair.size)
            for pair in pairs
        ),
        dtypes=seen.dtypes,
        file_dtypes=seen.file_dtypes,
        offences=(*offences, *split_offences),
        notes=(
            *_notes(discovery, pairs, splits, config),
            *_empty_mask_notes(pairs, seen.empty_masks),
            *file_notes(seen.decoded, config),
            *label_notes(seen.decoded, config),
            *mask_notes(seen.decoded, config),
            *doubtful_sides(seen.decoded, config),
            *affine_notes(seen.decoded, config, root=root),
            *direction_notes(seen.decoded, config, root=root),
            *(use.note for use in seen.uses if use.note is not None),
            *_stand_in_notes([pair for pair in seen.sound if pair.files.pair_id in splits], config),
        ),
        sides=tuple(use.summary for use in seen.uses),
        has_alpha=_has_alpha(pairs, num_sides),
        stated_nodata=stated_nodata(pairs, num_sides),
    )


def inspect_pairs(
    pairs: Sequence[PairFiles],
    config: DataConfig,
    *,
    root: Path,
    num_workers: int | None = None,
) -> Inspection:
    """Read the pixels of pairs; find all offences but those between the splits."""
    inspect = partial(inspect_pair, root=root, config=config)
    inspected = list(
        map_in_order(
            inspect,
            pairs,
            label="check",
            num_workers=num_workers,
            in_threads=have_volumes(pairs),
        )
    )
    decoded = in_common_units([pair for pair in inspected if isinstance(pair, Inspected)], config)
    flat, empty_masks = flat_images(decoded, config, root=root)
    readable = _without_offences(decoded, flat)
    num_sides = len(config.roles)
    dtypes = usual([pair.dtypes for pair in readable or decoded], num_sides)
    file_dtypes = usual([pair.file_dtypes for pair in readable or decoded], num_sides)
    uses = range_uses(readable or decoded, dtypes, config, file_dtypes=file_dtypes)
    offences = [
        *(offence for pair in inspected for offence in pair.offences),
        *flat,
        *wrong_sides(decoded, config),
        *inconsistencies(readable, dtypes, uses, file_dtypes=file_dtypes, root=root, config=config),
        *crop_beyond_all(readable, config),
    ]
    return Inspection(
        decoded=decoded,
        sound=[pair for pair in readable if is_consistent(pair, dtypes, config)],
        offences=offences,
        dtypes=dtypes,
        file_dtypes=file_dtypes,
        uses=uses,
        empty_masks=empty_masks,
    )


def _without_offences(decoded: Sequence[Inspected], flat: Sequence[Offence]) -> list[Inspected]:
    """The pairs that neither have offences of their own nor are named by those of `flat`."""
    flat_ids = {pair_id for offence in flat for pair_id in offence.pair_ids}
    return [pair for pair in decoded if not pair.offences and pair.files.pair_id not in flat_ids]


def _has_alpha(pairs: Sequence[Inspected], num_sides: int) -> tuple[bool, ...]:
    """Whether the last channel of each side is opacity in any file."""
    return tuple(any(pair.facts[role].has_alpha for pair in pairs) for role in range(num_sides))


def _split_without_leaks(
    sound: list[Inspected], discovery: Discovery, config: DataConfig, *, root: Path, is_clean: bool
) -> tuple[list[Inspected], dict[str, Split], list[Offence]]:
    """Split the sound pairs, leave out those that leak between splits, and split again.

    Returns the remaining pairs, their splits and the offences of the others. It splits again
    because a split whose only pair was left out gets a stand-in, which may leak as well. Raises
    UserError if there are too few pairs although there is no offence (`is_clean`).
    """
    offences: list[Offence] = []
    while True:
        try:
            splits = split_found([pair.files for pair in sound], discovery, config)
        except UserError as error:
            if is_clean and not offences:
                raise
            return [], {}, [*offences, Offence("too_few_pairs", (), (), str(error))]
        leaks = find_leaks(
            sound,
            splits,
            root=root,
            max_bits=config.near_duplicate_bits,
            group=config.group,
        )
        offences += leaks
        leaking = {pair_id for leak in leaks for pair_id in leak.pair_ids}
        sound = [pair for pair in sound if pair.files.pair_id not in leaking]
        if not leaks or config.on_bad_pair == "fail":
            return sound, splits, offences


def split_found(
    pairs: Sequence[PairFiles], discovery: Discovery, config: DataConfig
) -> dict[str, Split]:
    """The split of each sound pair. Raises UserError if there are too few, or none in a folder."""
    folders = {pair.pair_id: split_folder(pair.pair_id) for pair in pairs}
    all_ids = [pair.pair_id for pair in discovery.pairs]
    all_ids += [pair_id for offence in discovery.offences for pair_id in offence.pair_ids]
    lost = {split_folder(pair_id) for pair_id in all_ids} - set(folders.values()) - {None}
    if not pairs:
        raise UserError("no sound pair is left")
    if lost:  # otherwise training pairs would silently replace a test folder of bad pairs
        raise UserError(f"no sound pair is left in {' and '.join(sorted(filter(None, lost)))}")
    return assign_splits(folders, config)


def _notes(
    discovery: Discovery,
    pairs: Sequence[Inspected],
    splits: dict[str, Split],
    config: DataConfig,
) -> Iterator[str]:
    unmatched = discovery.unmatched
    if unmatched:
        yield (
            f"{counted(len(unmatched), 'image', verb='were')} left out, because data.pair_pattern "
            f"does not match the name: {first_names(unmatched)}"
        )
    elsewhere = discovery.elsewhere
    if elsewhere:
        yield (
            f"{counted(len(elsewhere), 'unused image', verb='lie')} in no folder of a side: "
            f"{first_names(elsewhere)}"
        )
    ignored = discovery.ignored
    if ignored:
        yield f"ignored {counted(len(ignored), 'file')} of other kinds: {first_names(ignored)}"
    yield from size_notes(pairs, splits, config)
    equal = equal_within_splits(pairs, splits)
    if equal:
        yield (
            f"{counted(len(equal), 'pair', verb='appear')} again within the same split: "
            f"{first_names(equal)}"
        )


def _empty_mask_notes(pairs: Sequence[Inspected], empty_masks: Sequence[str]) -> Iterator[str]:
    kept = {pair.files.pair_id for pair in pairs}
    empty = [pair_id for pair_id in empty_masks if pair_id in kept]
    if empty:
        yield (
            f"{counted(len(empty), 'pair', verb='have')} a label map or mask of a single value: "
            f"{first_names(empty)}"
        )


def _stand_in_notes(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[str]:
    """Notes of the pairs that were split: without those that leak, a split may have none left."""
    if not pairs:
        return
    folders = {pair.files.pair_id: split_folder(pair.files.pair_id) for pair in pairs}
    for split, stand_ins in find_stand_ins(folders, config).items():
        yield (
            f"no pair falls into {split} by its own hash, as happens in a small set: "
            f"{first_names(stand_ins)} is used there, and may move when pairs are added or left out"
        )
