import dataclasses
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from pipelines.commands.translate import translate
from pipelines.processes.file_lock import try_lock
from pipelines.registry import film_translation
from pix2pix.data.manifest import ExtraSourceRecord
from pix2pix.errors import StorageError, UserError
from pix2pix.film.colour import to_rgb
from pix2pix.film.frames import film_frames
from pix2pix.inference import Translator
from pix2pix.inference.film_frames import check_translates_films, translate_frames
from tests.support.films import (
    TIME_BASE,
    from_rgb,
    moving_square,
    sound_packets,
    times_s,
    write_film,
    write_sound,
)
from tests.support.model_folders import PHOTO
from tests.support.registered_project import MODEL, MODELS, register_model, train
from tests.support.translators import make_translator

pytestmark = [
    pytest.mark.slow,  # models are registered in each: a second and more
    pytest.mark.usefixtures("short_parts"),
]

LOSSLESS = 0  # the constant rate factor at which H.264 changes nothing
UNEVEN = (0, 500, 1100, 1200, 3000, 9000, 9512, 9600, 9800, 10000)


@pytest.fixture
def model(workspace: Path) -> str:
    train(0)
    register_model()
    return f"{MODEL}/1"


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films are translated in parts and batches of few frames."""
    monkeypatch.setattr(film_translation, "PART_FRAMES", 4)
    monkeypatch.setattr(film_translation, "BATCH_FRAMES", 3)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def expected_frames(film: Path, translator: Translator) -> list[np.ndarray]:
    """What the film must show: each frame translated by itself, at half the colour resolution."""
    shown = []
    for frame in film_frames(film):
        result = translate_frames(translator, frame.image()[None], scale="training")[0]
        colour = frame.look.colour
        shown.append(to_rgb(from_rgb(result, colour, pixel_format="yuv420p"), colour))
    return shown


def folder(tmp_path: Path) -> Path:
    made = tmp_path / "films"
    made.mkdir()
    return made


@pytest.mark.parametrize("mode", ["published", "deterministic"])
@pytest.mark.parametrize(
    ("matrix", "colour_range"),
    [(Colorspace.ITU601, ColorRange.MPEG), (Colorspace.ITU709, ColorRange.JPEG)],
)
def test_every_frame_is_what_the_translator_makes_of_it(
    matrix: Colorspace, colour_range: ColorRange, mode: str, model: str, tmp_path: Path
) -> None:
    films = folder(tmp_path)
    source, output = films / "in.mp4", films / "out.mp4"
    write_film(
        source,
        moving_square(10, height=48),
        pts=UNEVEN,
        rotation=(90, False),
        pixel_aspect=Fraction(4, 3),
        matrix=matrix,
        colour_range=colour_range,
        sound="aac",
    )
    translate(model=f"models:/{model}", source=source, result=output, mode=mode, crf=LOSSLESS)
    expected = expected_frames(source, Translator.load(MODELS, mode=mode))
    found = list(film_frames(output))
    assert [frame.image().shape for frame in found] == [(64, 48, 3)] * 10
    np.testing.assert_allclose([frame.image() for frame in found], expected, atol=1)
    assert times_s(output) == [each * TIME_BASE for each in UNEVEN]
    assert sound_packets(output) == sound_packets(source)
    before, after = next(film_frames(source)).look, found[0].look
    assert after.colour == before.colour
    assert after.pixel_aspect == Fraction(3, 4)
    assert after.matrix == (1, 0, 0, 1)
    assert names(films) == {"in.mp4", "out.mp4"}


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm", "out.m4v"])
def test_each_container_keeps_the_times_and_the_sound(
    name: str, model: str, tmp_path: Path
) -> None:
    source = write_film(tmp_path / "in.mkv", moving_square(6), sound="libopus")
    translate(model=model, source=source, result=tmp_path / name)
    shift = times_s(tmp_path / name)[0] - times_s(source)[0]
    assert [each - shift for each in times_s(tmp_path / name)] == times_s(source)
    assert sound_packets(tmp_path / name) == sound_packets(source)
    translator = Translator.load(MODELS)
    for frame, expected in zip(
        film_frames(tmp_path / name), expected_frames(source, translator), strict=True
    ):
        assert np.abs(frame.image().astype(int) - expected).mean() < 6


KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.commands.translate import translate
from pipelines.registry import film_translation
film_translation.PART_FRAMES, film_translation.BATCH_FRAMES = 4, 3
write_part, parts = film_translation.write_part, []
def write_and_die(path, *arguments, **options):
    if len(parts) == 2:
        path.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    write_part(path, *arguments, **options)
    parts.append(path)
film_translation.write_part = write_and_die
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
    batch = film_translation.translate_frames

    def counted(translator: Translator, images: np.ndarray, **options: str) -> np.ndarray:
        translated.append(len(images))
        return batch(translator, images, **options)

    monkeypatch.setattr(film_translation, "translate_frames", counted)
    translate(model=model, source=source, result=killed)
    assert sum(translated) == 14 - 2 * 4
    assert killed.read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert names(films) == {"in.mp4", "killed.mp4"}


def test_an_interrupted_translation_is_not_continued_with_other_options(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = write_film(tmp_path / "in.mp4", moving_square(6)), tmp_path / "out.mp4"
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.registry.translate_film.assemble", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            translate(model=model, source=source, result=output)
    with pytest.raises(UserError, match=r"had crf 18 \(now 30\); continue it with its own options"):
        translate(model=model, source=source, result=output, crf=30)
    assert not output.exists()
    translate(model=model, source=source, result=output, crf=30, overwrite=True)
    translate(model=model, source=source, result=tmp_path / "other.mp4", crf=30)
    assert output.read_bytes() == (tmp_path / "other.mp4").read_bytes()


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
    with pytest.raises(UserError, match="is the film itself"):
        translate(model=model, source=source, result=source, overwrite=True)
    assert output.read_text() == "mine"
    translate(model=model, source=source, result=output, overwrite=True)
    assert len(list(film_frames(output))) == 3


def test_what_cannot_be_translated_is_named_and_nothing_is_written(
    model: str, tmp_path: Path
) -> None:
    films = folder(tmp_path)
    good = write_film(films / "good.mp4", moving_square(8), sound="aac")
    opus = write_film(films / "opus.mkv", moving_square(8), sound="libopus")
    sound = write_sound(films / "sound.mp4")
    text = films / "text.mp4"
    text.write_text("hello")
    damaged = films / "damaged.mp4"
    content = bytearray(good.read_bytes())
    start = content.index(b"mdat") + 2000
    content[start : start + 600] = bytes(600)
    damaged.write_bytes(content)
    before = names(films)
    for source, output, said in (
        (sound, "out.mp4", "holds sound alone"),
        (text, "out.mp4", "cannot be read as a film"),
        (damaged, "out.mp4", "damaged"),
        (films / "none.mp4", "out.mp4", "does not exist"),
        (good, "out.gif", "films are written as .mp4"),
        (opus, "out.mov", r"cannot hold the sound of .* \(opus\)"),
        (good, "out.webm", r"cannot hold the sound of .* \(aac\).*--no-sound"),
    ):
        with pytest.raises(UserError, match=said):
            translate(model=model, source=source, result=films / output)
        assert names(films) == before, source
    translate(model=model, source=good, result=films / "out.webm", no_sound=True)
    assert sound_packets(films / "out.webm") == []
    with pytest.raises(UserError, match=r"--crf 60: libx264 takes 0 \(best\) to 51"):
        translate(model=model, source=good, result=films / "out.mp4", crf=60)
    with pytest.raises(UserError, match="name INPUT once"):
        translate(model=model, result=films / "out.mp4")
    with pytest.raises(UserError, match="--crf and --no-sound are for films"):
        translate(model=model, source=films, result=tmp_path / "out", crf=3)


def test_a_full_disk_is_named_and_the_finished_parts_are_kept(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = folder(tmp_path)
    source = write_film(films / "in.mp4", moving_square(6))

    def full(path: Path, *arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.registry.translate_film.assemble", full)
        with pytest.raises(StorageError, match=r"out\.mp4 cannot be written.* make room"):
            translate(model=model, source=source, result=films / "out.mp4")
    parts = films / ".out.mp4.unfinished"
    assert {"000000.nut", "000001.nut"} < names(parts)
    translate(model=model, source=source, result=films / "out.mp4")
    assert names(films) == {"in.mp4", "out.mp4"}


def test_frames_of_an_odd_size_keep_it(model: str, tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    write_film(source, moving_square(3, 33, 47), codec="ffv1", pixel_format="yuv444p", options={})
    for name in ("out.mp4", "out.webm"):
        translate(model=model, source=source, result=tmp_path / name)
        assert next(film_frames(tmp_path / name)).image().shape == (33, 47, 3)


def test_the_same_dropout_noise_is_in_every_frame(model: str, tmp_path: Path) -> None:
    still = np.stack([moving_square(1)[0]] * 5)
    source = write_film(
        tmp_path / "in.mkv", still, codec="ffv1", pixel_format="yuv444p", options={}
    )
    output = tmp_path / "out.mp4"
    translate(model=model, source=source, result=output, mode="published", crf=LOSSLESS)
    first, *others = [frame.image() for frame in film_frames(output)]
    for other in others:
        np.testing.assert_allclose(other, first, atol=1)


def test_grey_models_read_luma_and_show_grey(tmp_path: Path) -> None:
    grey = dataclasses.replace(PHOTO, channels=1)
    translator = make_translator(
        tmp_path,
        "deterministic",
        source=grey,
        target=grey,
        generator=dataclasses.replace(
            make_translator(tmp_path / "x", "deterministic").card.generator, target_channels=1
        ),
        discriminator=dataclasses.replace(
            make_translator(tmp_path / "y", "deterministic").card.discriminator, in_channels=2
        ),
    )
    frame = moving_square(1)[0]
    luma = np.rint(frame @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)[..., None]
    shown = translate_frames(translator, frame[None], scale="training")
    np.testing.assert_array_equal(shown, np.repeat(translator.translate(luma)[None], 3, axis=3))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": dataclasses.replace(PHOTO, dtype="uint16")}, "the source .* is uint16 with 3"),
        ({"target": dataclasses.replace(PHOTO, dtype="float32")}, "the target .* is float32"),
        (
            {"target": dataclasses.replace(PHOTO, nodata=0)},
            "values for missing pixels in its target",
        ),
        ({"target": dataclasses.replace(PHOTO, channels=4)}, "the target .* with 4 channel"),
        (
            {"extra_sources": (ExtraSourceRecord("depth", PHOTO, 1.0),)},
            "needs the sources source, depth, and a film is only one",
        ),
        (
            {"source": dataclasses.replace(PHOTO, channels=1, num_labels=5)},
            "class ids in its source",
        ),
    ],
)
def test_models_of_other_images_are_refused(
    changes: dict[str, object], said: str, workspace: Path
) -> None:
    card = dataclasses.replace(train(0), **changes)
    with pytest.raises(UserError, match=said):
        check_translates_films(card)
