"""Checks that need no pixels, so that a command can make them before the stage `prepare`."""

from collections.abc import Sequence
from pathlib import Path

from pix2pix.config import DataConfig
from pix2pix.errors import UserError
from pix2pix.images.names import printable
from pix2pix.preparation.checks import split_found
from pix2pix.preparation.offences import REMEDIES, Offence
from pix2pix.preparation.pairs import Discovery, find_pairs
from pix2pix.preparation.report import offence_lines


def check_names(root: Path, config: DataConfig) -> Discovery:
    """Pair the files under `root` by name and split them, as the stage `prepare` does.

    Raises UserError for everything in the names at which the stage would stop.
    """
    discovery = find_pairs(root, config)
    refuse_offences(root, discovery.offences, config, num_sound=len(discovery.pairs))
    try:
        split_found(discovery.pairs, discovery, config)
    except UserError as error:
        raise UserError(f"{printable(root)}: {error}") from None
    return discovery


def refuse_offences(
    root: Path,
    offences: Sequence[Offence],
    config: DataConfig,
    *,
    num_sound: int,
    looked_at: str = "",
) -> None:
    """Raise UserError with the offences and their remedies, if the stage `prepare` would stop.

    It goes on if `data.on_bad_pair` is exclude, and leaving out pairs leaves some. `looked_at` says
    at which pairs this looked, if not at all.
    """
    beyond_excluding = [offence for offence in offences if not offence.pair_ids]
    may_exclude = bool(num_sound) and not beyond_excluding
    if not offences or (may_exclude and config.on_bad_pair == "exclude"):
        return
    shown = beyond_excluding or offences
    if len(shown) == 1:
        exclude = ", or set data.on_bad_pair: exclude" if may_exclude else ""
        raise UserError(f"{printable(root)}: {shown[0]}; {REMEDIES[shown[0].kind]}{exclude}")
    exclude = (
        "\nOr set data.on_bad_pair: exclude, which leaves these pairs out" if may_exclude else ""
    )
    lines = "\n".join(offence_lines(shown))
    raise UserError(f"{printable(root)}: {len(shown)} offences{looked_at}\n{lines}{exclude}")
