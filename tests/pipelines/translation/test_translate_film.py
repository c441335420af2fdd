"""A film is translated frame by frame, and keeps its times and its sound."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from pipelines.commands.translate import translate
from pix2pix.errors import UserError
from pix2pix.film.frames import film_frames
from pix2pix.inference import Translator
from tests.support.films import (
    TIME_BASE,
    moving_square,
    sound_packets,
    times_s,
    write_film,
    write_sound,
)
from tests.support.registered_project import MODELS
from tests.support.translated_films import LOSSLESS, UNEVEN, expected_frames, folder, names

pytestmark = [
    pytest.mark.slow,  # models are registered in each: a second and more
    pytest.mark.usefixtures("short_parts"),
]


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
    with pytest.raises(UserError, match="is a folder; --crf is for films"):
        translate(model=model, source=films, result=tmp_path / "out", crf=3)


def test_frames_before_the_first_key_frame_are_left_out_with_a_warning(
    model: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a recording of a broadcast that begins anywhere."""
    options = {"g": "5", "bf": "0", "crf": "4"}
    whole = write_film(tmp_path / "whole.ts", moving_square(15), options=options)
    source = tmp_path / "in.ts"
    source.write_bytes(whole.read_bytes()[188 * 16 :])  # packets of a transport stream
    translate(model=model, source=source, result=tmp_path / "out.mp4")
    assert len(times_s(tmp_path / "out.mp4")) == 10
    assert f"{source} stores 12 frames, of which 10 can be decoded" in caplog.text
    assert "10 frames" in caplog.messages[-1]


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
