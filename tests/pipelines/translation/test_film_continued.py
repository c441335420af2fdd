"""A translation of a film that is ended on the way goes on, and nothing half-written is a film."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.commands.translate import translate
from pipelines.entrypoint import InterruptionError
from pipelines.processes.file_lock import try_lock
from pipelines.translation import film_parts
from pix2pix.errors import StorageError, UserError
from pix2pix.film.frames import film_frames
from pix2pix.inference import Translator
from tests.support.films import (
    moving_square,
    write_film,
)
from tests.support.translated_films import folder, names

pytestmark = [
    pytest.mark.slow,  # models are registered in each: a second and more
    pytest.mark.usefixtures("short_parts"),
]


KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.commands.translate import translate
from pipelines.translation import film_parts
film_parts.PART_FRAMES, film_parts.BATCH_FRAMES = 4, 3
write_part, parts = film_parts.write_part, []
def write_and_die(path, *arguments, **options):
    if len(parts) == 2:
        path.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    write_part(path, *arguments, **options)
    parts.append(path)
film_parts.write_part = write_and_die
translate(model=sys.argv[1], source=Path(sys.argv[2]), result=Path(sys.argv[3]))
"""


def test_a_killed_translation_goes_on_and_ends_as_if_nothing_had_been(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = folder(tmp_path)
    source = write_film(films / "in.mp4", moving_square(14), sound="aac")
    translate(model=model, source=source, result=tmp_path / "whole.mp4")
    killed = films / "killed.mp4"
    arguments = [sys.executable, "-c", KILLED, model, str(source), str(killed)]
    root = str(Path(__file__).parents[3])
    done = subprocess.run(arguments, env={**os.environ, "PYTHONPATH": root}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert names(films) == {"in.mp4", ".killed.mp4.unfinished"}
    translated: list[int] = []
    batch = film_parts.translate_frames

    def counted(translator: Translator, images: np.ndarray, **options: str) -> np.ndarray:
        translated.append(len(images))
        return batch(translator, images, **options)

    monkeypatch.setattr(film_parts, "translate_frames", counted)
    translate(model=model, source=source, result=killed)
    assert sum(translated) == 14 - 2 * 4
    assert killed.read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert names(films) == {"in.mp4", "killed.mp4"}


def test_an_interrupted_translation_is_not_continued_with_other_options(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = write_film(tmp_path / "in.mp4", moving_square(6)), tmp_path / "out.mp4"
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.translation.translate_film.assemble", _interrupted)
        with pytest.raises(
            InterruptionError, match=r"\.out\.mp4\.unfinished, and the same command"
        ):
            translate(model=model, source=source, result=output)
    with pytest.raises(UserError, match=r"had crf 18 \(now 30\); continue it with its own options"):
        translate(model=model, source=source, result=output, crf=30)
    assert not output.exists()
    translate(model=model, source=source, result=output, crf=30, overwrite=True)
    translate(model=model, source=source, result=tmp_path / "other.mp4", crf=30)
    assert output.read_bytes() == (tmp_path / "other.mp4").read_bytes()


def test_nothing_is_kept_of_a_film_that_was_interrupted_before_its_first_part(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = folder(tmp_path)
    source = write_film(films / "in.mp4", moving_square(6))
    monkeypatch.setattr(film_parts, "translate_frames", _interrupted)
    with pytest.raises(
        InterruptionError, match="nothing is kept, and the same command begins anew"
    ):
        translate(model=model, source=source, result=films / "out.mp4")
    assert names(films) == {"in.mp4"}


def _interrupted(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_two_commands_do_not_write_one_film(model: str, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", moving_square(3))
    unfinished = tmp_path / ".out.mp4.unfinished"
    unfinished.mkdir()
    lock = try_lock(unfinished / "lock")
    assert lock is not None
    with pytest.raises(UserError, match="is being written by another command"):
        translate(model=model, source=source, result=tmp_path / "out.mp4")
    os.close(lock)


def test_nothing_is_overwritten_unasked(model: str, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", moving_square(3))
    output = tmp_path / "out.mp4"
    output.write_text("mine")
    with pytest.raises(UserError, match=r"out\.mp4 exists; .* --overwrite"):
        translate(model=model, source=source, result=output)
    with pytest.raises(UserError, match="is INPUT itself"):
        translate(model=model, source=source, result=source, overwrite=True)
    assert output.read_text() == "mine"
    translate(model=model, source=source, result=output, overwrite=True)
    assert len(list(film_frames(output))) == 3


def test_a_full_disk_is_named_and_the_finished_parts_are_kept(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = folder(tmp_path)
    source = write_film(films / "in.mp4", moving_square(6))

    def full(path: Path, *arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.translation.translate_film.assemble", full)
        with pytest.raises(StorageError, match=r"out\.mp4 cannot be written.* make room"):
            translate(model=model, source=source, result=films / "out.mp4")
    parts = films / ".out.mp4.unfinished"
    assert {"000000.nut", "000001.nut"} < names(parts)
    translate(model=model, source=source, result=films / "out.mp4")
    assert names(films) == {"in.mp4", "out.mp4"}
