"""The files of a pair; each slice of their volumes is a pair of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pix2pix.config import DataConfig, SideConfig
from pix2pix.errors import UserError
from pix2pix.images.names import relative_paths
from pix2pix.images.options import VolumeSlice
from pix2pix.images.volumes import selected_slices
from pix2pix.preparation.offences import BadPair, Offence


@dataclass(frozen=True, slots=True)
class PairFiles:
    """The files of a pair; `path_a` and `path_b` are equal if one file shows both sides.

    `volume_slice` is the slice of all files that is the pair, None if the files are no volumes.
    `extra_paths` are the files of `data.extra_sources`, in their order.
    """

    pair_id: str
    path_a: Path
    path_b: Path
    volume_slice: VolumeSlice | None = None
    extra_paths: tuple[Path, ...] = ()

    def by_role(self, config: DataConfig) -> dict[str, Path]:
        """All files, by the name of their side: A, B, then the extra sources."""
        names = ("A", "B", *(extra.name for extra in config.extra_sources))
        return dict(zip(names, (self.path_a, self.path_b, *self.extra_paths), strict=True))

    def names(self, root: Path) -> tuple[str, ...]:
        """The names of the files below `root` for reports; slices have their number."""
        number = "" if self.volume_slice is None else f"#{self.volume_slice}"
        paths = relative_paths(root, (self.path_a, self.path_b, *self.extra_paths))
        return tuple(f"{path}{number}" for path in paths)

    def offence(self, error: BadPair, root: Path) -> Offence:
        """The offence of this pair, with the file that is wrong, or else with all."""
        paths = self.names(root) if error.path is None else relative_paths(root, [error.path])
        return Offence(error.kind, (self.pair_id,), paths, error.message)


def have_volumes(pairs: Iterable[PairFiles]) -> bool:
    """Whether some pairs are slices of volumes, of which a process keeps the last ones unpacked."""
    return any(pair.volume_slice is not None for pair in pairs)


def split_into_slices(
    pairs: list[PairFiles], *, root: Path, config: DataConfig
) -> tuple[list[PairFiles], list[Offence]]:
    """Replace each pair of volumes by the pairs of their slices, sorted by id.

    Only the headers of the files are read. Volumes that are damaged or have unlike slices give
    offences instead.
    """
    sliced, offences = [], []
    for pair in pairs:
        try:
            sliced += _slices(pair, config)
        except BadPair as error:
            offences.append(pair.offence(error, root))
    return sorted(sliced, key=lambda pair: pair.pair_id), offences


def _slices(pair: PairFiles, config: DataConfig) -> list[PairFiles]:
    found = {
        role: _selected(path, config.roles[role]) for role, path in pair.by_role(config).items()
    }
    in_a = found["A"]
    for role, slices in found.items():
        if slices != in_a:
            message = f"side A has {_counted(in_a)}, side {role} has {_counted(slices)}"
            raise BadPair("slices_differ", message)
    if in_a is None:
        return [pair]
    return [replace(pair, pair_id=f"{pair.pair_id}#{each}", volume_slice=each) for each in in_a]


def _selected(path: Path, side: SideConfig) -> list[VolumeSlice] | None:
    try:
        return selected_slices(path, side)
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
        raise BadPair("unreadable", reason, path=path) from None
    except UserError as error:
        raise BadPair("unreadable", str(error), path=path) from None


def _counted(slices: list[VolumeSlice] | None) -> str:
    if slices is None:
        return "one image"
    return f"the slices {slices[0]}..{slices[-1]} of {slices[0].count}"
