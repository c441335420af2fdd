"""Notes for the report about label maps whose files do not mean what they seem to."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from pix2pix.config import DataConfig
from pix2pix.images.names import first_names
from pix2pix.images.palettes import IdColours
from pix2pix.plural import counted
from pix2pix.preparation.inspection import Inspected

_MOST_COLOURS = 64  # as of the colours that a model's card lists, see `data.palette`


def label_notes(pairs: Sequence[Inspected], config: DataConfig) -> Iterator[str]:
    """Notes on palettes that give ids other colours than most do, and on colours that are mixed."""
    for role, (name, side) in enumerate(config.roles.items()):
        if side.num_labels is not None:
            yield from _unlike_palettes(
                name, {pair.files.pair_id: pair.facts[role].id_colours for pair in pairs}
            )
        yield from _mixed_colours(
            name,
            {
                pair.files.pair_id: number
                for pair in pairs
                # Of lossy files another note tells.
                if (number := pair.num_colours[role]) is not None and not pair.facts[role].is_lossy
            },
        )


def _mixed_colours(name: str, numbers: dict[str, int]) -> Iterator[str]:
    mixed = [pair_id for pair_id, number in numbers.items() if number > _MOST_COLOURS]
    if mixed:
        yield (
            f"side {name}: {counted(len(mixed), 'label file', verb='hold')} more than "
            f"{_MOST_COLOURS} colours, such as {mixed[0]} with {numbers[mixed[0]]}: where edges "
            "were smoothed or files were scaled, colours of neighbours are mixed, and a mixture is "
            "no label. Export label files without smoothing (antialiasing), or set kind: image if "
            f"these are pictures: {first_names(mixed)}"
        )


def _unlike_palettes(name: str, palettes: dict[str, IdColours]) -> Iterator[str]:
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for palette in palettes.values():
        for label, colour in palette:
            counts[label][colour] += 1
    usual = {
        label: min(count, key=lambda colour: (-count[colour], colour))
        for label, count in counts.items()
    }
    unlike = {
        pair_id: label
        for pair_id, palette in palettes.items()
        for label, colour in reversed(palette)  # the lowest one is kept
        if colour != usual[label]
    }
    if unlike:
        pair_id, label = next(iter(unlike.items()))
        yield (
            f"side {name}: {counted(len(unlike), 'palette', verb='give')} ids other colours than "
            f"most do, such as {dict(palettes[pair_id])[label]} to {label} in {pair_id} "
            f"({usual[label]} in most). The ids are the indices of each file's own palette, which "
            "programs may sort anew: if colours tell the classes, set num_labels: null and "
            f"channels: 3 of the side: {first_names(list(unlike))}"
        )
