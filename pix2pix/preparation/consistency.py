"""Check what can only be seen by looking at all pairs: whether they fit together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pix2pix.config import DataConfig
from pix2pix.data.groups import group_of
from pix2pix.errors import UserError
from pix2pix.images.decoded import FileFacts
from pix2pix.images.image import value_range
from pix2pix.images.names import relative_paths
from pix2pix.preparation.inspection import Inspected
from pix2pix.preparation.offences import Offence
from pix2pix.preparation.range_use import RangeUse


def in_common_units(pairs: Sequence[Inspected], config: DataConfig) -> list[Inspected]:
    """The pairs, with floats in place of integers where other files of their side are rescaled.

    A DICOM file that states slope 1 and intercept 0 keeps its integers, which are in the same units
    as the floats of the rescaled files beside it. Files that state neither may be in other units.
    """
    changed = list(pairs)
    if config.layout == "photos":  # what a recipe makes depends on the dtype of the photo
        return changed
    for role, side in enumerate(config.roles.values()):
        stated = {pair.facts[role].dtype for pair in pairs if pair.facts[role].states_units}
        if side.num_labels is None and "float64" in stated and len(stated) > 1:
            changed = [_with_floats(pair, role) for pair in changed]
    return changed


def _with_floats(pair: Inspected, role: int) -> Inspected:
    if not pair.facts[role].states_units:
        return pair
    dtypes, facts = list(pair.dtypes), list(pair.facts)
    dtypes[role], facts[role] = "float32", replace(facts[role], dtype="float64")
    return replace(pair, dtypes=tuple(dtypes), facts=tuple(facts))


def usual(dtypes: Sequence[tuple[str, ...]], num_sides: int) -> tuple[str, ...]:
    """The most frequent dtype of each side, given those of each pair."""
    if not dtypes:
        return ("",) * num_sides
    counts = [Counter(each[role] for each in dtypes) for role in range(num_sides)]
    return tuple(min(count, key=lambda dtype: (-count[dtype], dtype)) for count in counts)


def inconsistencies(
    pairs: Sequence[Inspected],
    dtypes: tuple[str, ...],
    uses: Sequence[RangeUse],
    *,
    file_dtypes: tuple[str, ...],
    root: Path,
    config: DataConfig,
) -> Iterator[Offence]:
    """The offences of pairs that fit neither each other nor the configuration.

    `dtypes`, `file_dtypes` and `uses` are the usual dtype of the images, that of the files, and the
    use of the value range of each side.
    """
    yield from _mixed_dtypes(pairs, dtypes, root=root, config=config)
    yield from _ranges_missing(file_dtypes, config)
    yield from (Offence("narrow_range", (), (), use.fault) for use in uses if use.fault is not None)
    yield from _without_group(pairs, root=root, pattern=config.group)


def is_consistent(pair: Inspected, dtypes: tuple[str, ...], config: DataConfig) -> bool:
    """Whether a pair has the usual dtypes, and a group if `config` asks for groups."""
    return pair.dtypes == dtypes and group_of(pair.files.pair_id, config.group) is not None


def _mixed_dtypes(
    pairs: Sequence[Inspected], dtypes: tuple[str, ...], *, root: Path, config: DataConfig
) -> Iterator[Offence]:
    are_scaled = [any(pair.facts[role].scaling for pair in pairs) for role in range(len(dtypes))]
    for pair in pairs:
        roles = zip(pair.dtypes, dtypes, pair.facts, config.roles, are_scaled, strict=True)
        for dtype, expected, facts, name, some_are_scaled in roles:
            if dtype != expected:
                files = pair.files
                path = files.by_role(config)[name]
                message = f"side {name} is {dtype}, most are {expected}"
                if facts.file_format == "DICOM":
                    message += _unlike_rescale(facts)
                elif some_are_scaled:
                    message += _unlike_scaling(facts)
                yield Offence(
                    "mixed_dtype", (files.pair_id,), relative_paths(root, [path]), message
                )


def _unlike_rescale(facts: FileFacts) -> str:
    """What may be the reason that a DICOM file has another dtype than most files of its side."""
    if facts.states_units:
        return "; it states a rescale slope and intercept, which the others of its side may lack"
    return (
        "; it states no rescale slope and intercept: add both, 1 and 0 if its values are in the "
        "units of the others"
    )


def _unlike_scaling(facts: FileFacts) -> str:
    """The same of a file of a side with GeoTIFF files that state a scale and offset."""
    if facts.scaling is not None:
        return "; it states a scale and offset, which the others may lack"
    return (
        "; it states no scale and offset, as other files of the side do: write its values as "
        "float32 if they are in the units of the others"
    )


def _ranges_missing(dtypes: tuple[str, ...], config: DataConfig) -> Iterator[Offence]:
    for dtype, (name, side) in zip(dtypes, config.roles.items(), strict=True):
        try:
            value_range(dtype or "uint8", side)
        except UserError as error:
            key = f"side_{name.lower()}" if name in ("A", "B") else f"extra_sources: {name}"
            yield Offence("no_value_range", (), (), f"data.{key}: {error}")


def _without_group(
    pairs: Sequence[Inspected], *, root: Path, pattern: str | None
) -> Iterator[Offence]:
    """Offences for pairs in whose ids `pattern` finds no group.

    They name no pairs to leave out, because the mistake is in the pattern.
    """
    for files in (pair.files for pair in pairs):
        if group_of(files.pair_id, pattern) is None:
            message = f"data.group: {pattern!r} finds no group in {files.pair_id!r}"
            paths = files.names(root)
            yield Offence("no_group", (), paths, message)
