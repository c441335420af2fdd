"""Notes for the report about properties of the files that a user should know of."""

from collections.abc import Iterator, Sequence

from pix2pix.config import DataConfig
from pix2pix.images.colour_profile import is_srgb
from pix2pix.images.names import first_names
from pix2pix.plural import counted
from pix2pix.preparation.inspection import Inspected
from pix2pix.preparation.read_pairs import orientations_differ


def file_notes(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[str]:
    """Notes on orientations, animations, pages, channels, colour profiles and lossy labels."""
    yield from _turned(pairs, config)
    for role, (name, side) in enumerate(config.roles.items()):
        facts = [(pair.files.pair_id, pair.facts[role]) for pair in pairs]
        unknown = [pair_id for pair_id, each in facts if each.has_damaged_exif]
        if unknown:
            yield (
                f"side {name}: {counted(len(unknown), 'file', verb='have')} damaged EXIF data, "
                "which would say how the pixels are turned; look whether they are upright: "
                f"{first_names(unknown)}"
            )
        animated = [pair_id for pair_id, each in facts if each.num_frames > 1]
        if animated:
            yield (
                f"side {name}: {counted(len(animated), 'file', verb='hold')} several frames, of "
                f"which the first is taken: {first_names(animated)}"
            )
        paged = [pair_id for pair_id, each in facts if each.num_pages > 1]
        if paged:
            yield (
                f"side {name}: {counted(len(paged), 'TIFF file', verb='hold')} several pages, "
                "which are taken as channels; set slices: z if each is an image: "
                f"{first_names(paged)}"
            )
        partial = {pair_id: each.unread_channels for pair_id, each in facts if each.unread_channels}
        if partial:
            others = sorted({channel for each in partial.values() for channel in each})
            yield (
                f"side {name}: the colours of {counted(len(partial), 'OpenEXR file')} are taken; "
                f"set array_key of the side to read one of the others ({first_names(others)}): "
                f"{first_names(list(partial))}"
            )
        profiles = {
            pair_id: each.colour_profile
            for pair_id, each in facts
            if each.colour_profile is not None and not is_srgb(each.colour_profile)
        }
        if profiles and side.num_labels is None:  # class ids have no colours
            yield (
                f"side {name}: {counted(len(profiles), 'file', verb='have')} a colour profile "
                f"other than sRGB ({', '.join(sorted(set(profiles.values())))}), which is not "
                "applied; convert them to sRGB if other images are in it: "
                f"{first_names(list(profiles))}"
            )
        lossy = {pair_id: each.lossy_kind for pair_id, each in facts if each.is_lossy}
        if lossy and side.kind == "labels":
            kinds = ", ".join(sorted(set(lossy.values())))
            yield (
                f"side {name}: {counted(len(lossy), 'label file', verb='are')} of a kind that can "
                f"change colours near every edge ({kinds}); PNG is not: {first_names(list(lossy))}"
            )


def _turned(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[str]:
    """One note for each combination of differing orientations, with the pairs that have it."""
    by_difference: dict[str, list[str]] = {}
    for pair in pairs:
        facts = dict(sorted(zip(config.roles, pair.facts, strict=True)))
        if len({each.orientation for each in facts.values()}) > 1:
            by_difference.setdefault(orientations_differ(facts), []).append(pair.files.pair_id)
    names = sorted(config.roles)
    all_names = f"{', '.join(names[:-1])} and {names[-1]}"
    for difference, pair_ids in by_difference.items():
        yield (
            f"in {counted(len(pair_ids), 'pair')} {difference}: look whether {all_names} still "
            f"show the same: {first_names(pair_ids)}"
        )
