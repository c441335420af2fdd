"""`pix2pix flicker`: measure how much a translated film flickers."""

from pathlib import Path
from typing import Annotated

import typer


def flicker(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The film that was translated.")],
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Its translation.")],
) -> None:
    """Measure how much a translated film flickers.

    The number is the mean absolute difference between each frame and the one before it, moved as
    the source film moves, as a share of the range of values: 0 is a film without flicker. The same
    number for the source film itself is its noise.

    For example: pix2pix flicker in.mp4 out.mp4
    """
    from tqdm import tqdm

    from pix2pix.film.flicker import flicker
    from pix2pix.film.frames import paired_frames
    from pix2pix.film.opening import inspect

    inspect(source)
    num_frames = inspect(result).num_frames  # before minutes of decoding: is all of both there?
    with tqdm(
        paired_frames(source, result), total=num_frames, unit="frame", disable=None
    ) as frames:
        measured = flicker((one.image(), other.image()) for one, other in frames)
    typer.echo(f"flicker of {result}: {measured.result:.4f}")
    typer.echo(f"flicker of {source}: {measured.source:.4f}")
    typer.echo(
        f"{measured.num_frames} frames; {measured.compared:.0%} of the pixels could be followed"
    )
