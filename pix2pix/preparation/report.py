"""The report of the checks: as an object, as text for the console and as JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pix2pix.data.manifest import StatedNodata
from pix2pix.data.splits import SPLITS, Split
from pix2pix.errors import UserError
from pix2pix.plural import counted
from pix2pix.preparation.offences import REMEDIES, Offence, OffenceKind
from pix2pix.preparation.pair_files import PairFiles

_MAX_LISTED = 20  # offences of a kind on the console


@dataclass(frozen=True, slots=True)
class CheckedPair:
    """A pair without offences; `content_hash` is that of `inspection.content_hash`.

    `size` is the height and width of the target in pixels, before both images are resized.
    """

    files: PairFiles
    split: Split
    content_hash: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of the checks.

    `num_found` counts all pairs. `pairs` are those without offences, sorted by id. `dtypes` (those
    of the images), `file_dtypes`, `has_alpha` and `stated_nodata` are in the order of
    `DataConfig.roles`: source, target, then extra sources. `sides` has a line about the values of
    each side. `notes` are hints that are no offences.
    """

    num_found: int
    pairs: tuple[CheckedPair, ...]
    dtypes: tuple[str, ...]
    file_dtypes: tuple[str, ...]
    offences: tuple[Offence, ...]
    notes: tuple[str, ...]
    sides: tuple[str, ...] = ()
    has_alpha: tuple[bool, ...] = (False, False)
    stated_nodata: tuple[StatedNodata, ...] = (None, None)

    def of_split(self, split: Split) -> list[CheckedPair]:
        """The pairs of a split, in the order of its arrays."""
        return [pair for pair in self.pairs if pair.split == split]

    @property
    def is_beyond_excluding(self) -> bool:
        """Whether there is an offence that leaving out pairs does not correct."""
        return any(not offence.pair_ids for offence in self.offences)


class BadPairsError(UserError):
    """Preparing stops because of offences; the message is the whole report."""

    def __init__(self, report: CheckReport) -> None:
        super().__init__(format_report(report))
        self.report = report


def format_report(report: CheckReport) -> str:
    """Format the report for the console: per kind of offence its count, remedy and files."""
    head = f"{counted(report.num_found, 'pair')} found, {len(report.pairs)} sound"
    if report.pairs:
        sizes = num_by_split(report)
        head += f" ({', '.join(f'{sizes[split]} {split}' for split in SPLITS)})"
    head += f", {counted(len(report.offences), 'offence')}"
    return "\n".join(
        [
            head,
            *report.sides,
            *offence_lines(report.offences),
            *(f"note: {note}" for note in report.notes),
        ]
    )


def as_dict(report: CheckReport) -> dict[str, Any]:
    """Convert the report for a JSON file, with all offences."""
    return {
        "num_found": report.num_found,
        "num_sound": len(report.pairs),
        "num_by_split": num_by_split(report),
        "offences": {
            kind: {
                "count": len(offences),
                "remedy": REMEDIES[kind],
                "items": [
                    {"pairs": list(item.pair_ids), "paths": list(item.paths), "what": item.message}
                    for item in offences
                ],
            }
            for kind, offences in _by_kind(report.offences).items()
        },
        "sides": list(report.sides),
        "notes": list(report.notes),
    }


def num_by_split(report: CheckReport) -> dict[str, int]:
    """The number of pairs without offences in train, dev and test."""
    counts = Counter(pair.split for pair in report.pairs)
    return {split: counts[split] for split in SPLITS}


def offence_lines(offences: Sequence[Offence]) -> Iterator[str]:
    """Yield the lines of the console about offences: per kind the count, the remedy, the files."""
    for kind, alike in _by_kind(offences).items():
        yield f"{kind.replace('_', ' ')} ({len(alike)}): {REMEDIES[kind]}"
        yield from (f"  {offence}" for offence in alike[:_MAX_LISTED])
        if len(alike) > _MAX_LISTED:
            yield f"  ... and {len(alike) - _MAX_LISTED} more"


def _by_kind(offences: Sequence[Offence]) -> Mapping[OffenceKind, list[Offence]]:
    """Group the offences by kind, in the order of `REMEDIES`, which is that of the checks."""
    grouped = {kind: [each for each in offences if each.kind == kind] for kind in REMEDIES}
    return {kind: alike for kind, alike in grouped.items() if alike}
