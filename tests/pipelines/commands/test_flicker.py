"""`pix2pix flicker`: what it prints of two films, and which films it refuses."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pix2pix.film.flicker import flicker
from pix2pix.film.frames import paired_frames
from tests.support.films import moving_square, write_film


@pytest.fixture
def films(tmp_path: Path) -> tuple[Path, Path]:
    """A film, and a result whose frames become brighter and darker in turn."""
    frames = moving_square(6)
    brighter = frames // 2 + 40 * (np.arange(6) % 2).astype(np.uint8)[:, None, None, None]
    return (
        write_film(tmp_path / "in.mp4", frames),
        write_film(tmp_path / "out.mp4", brighter),
    )


def test_the_printed_numbers_are_those_of_the_frames(films: tuple[Path, Path]) -> None:
    source, result = films
    expected = flicker((one.image(), other.image()) for one, other in paired_frames(*films))
    assert expected.result == pytest.approx(40 / 255, abs=0.01)
    done = CliRunner().invoke(app, ["flicker", str(source), str(result)])
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"flicker of {result}: {expected.result:.4f}",
        f"flicker of {source}: {expected.source:.4f}",
        f"6 frames; {expected.compared:.0%} of the pixels could be followed",
    ]


def test_a_film_that_is_cut_off_is_refused_before_any_frame_is_compared(
    films: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, result = films
    whole = result.read_bytes()
    result.write_bytes(whole[: len(whole) * 2 // 3])
    monkeypatch.setattr("pix2pix.film.flicker.flicker", None)  # a call would be another error
    done = CliRunner().invoke(app, ["flicker", str(source), str(result)])
    assert done.exit_code == 1
    assert f"{result} cannot be read as a film" in done.stderr
