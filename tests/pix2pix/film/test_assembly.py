"""The finished film has what the source film has beside its pictures."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace

from pix2pix.errors import UserError
from pix2pix.film.assembly import assemble, check_pixels_fit, check_sound_fits
from pix2pix.film.colour import Colour
from pix2pix.film.encoding import Encoding, Timed, kind_of, write_part
from pix2pix.film.frames import Look, film_frames
from tests.support.films import moving_square, times_s, write_film, write_sound

LOOK = Look(Colour(Colorspace.BT2020, ColorRange.MPEG, 9, 9, 16), (1, 0, 0, 1), None)
CHAPTERS = [("begin", 0, 100), ("end", 100, 400)]


def write_marked(path: Path, film: Path) -> Path:
    """The film with a title and two chapters, in milliseconds."""
    with av.open(str(film)) as source, av.open(str(path), "w") as marked:
        marked.metadata["title"] = "a square"
        marked.set_chapters(
            [
                {"id": number, "start": start, "end": end, "time_base": Fraction(1, 1000),
                 "metadata": {"title": title}}
                for number, (title, start, end) in enumerate(CHAPTERS)
            ]
        )  # fmt: skip
        stream = marked.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                marked.mux_one(packet)
    return path


def test_title_and_chapters_are_kept_and_the_last_picture_lasts_as_long(tmp_path: Path) -> None:
    frames = moving_square(10)
    film = write_marked(tmp_path / "film.mp4", write_film(tmp_path / "plain.mp4", frames))
    in_order = {"bf": "0"}  # as the frames of a part are
    parts = [write_film(tmp_path / "part.nut", frames, options=in_order)]
    assemble(
        film,
        parts,
        tmp_path / "out.mp4",
        look=LOOK,
        last_duration_s=Fraction(1, 2),
        with_sound=False,
        comment="made by a test",
    )
    with av.open(str(tmp_path / "out.mp4")) as made:
        found = [
            (chapter["metadata"]["title"], chapter["start"] * chapter["time_base"] * 1000)
            for chapter in made.chapters()
        ]
        assert found == [(title, start) for title, start, _ in CHAPTERS]
        assert (made.metadata["title"], made.metadata["comment"]) == ("a square", "made by a test")
        stream = made.streams.video[0]
        durations = [
            packet.duration * stream.time_base for packet in made.demux(stream) if packet.size
        ]
        assert max(durations) == Fraction(1, 2)


def test_tracks_of_sound_keep_their_languages_and_which_is_the_default(tmp_path: Path) -> None:
    frames, tones = moving_square(10), write_sound(tmp_path / "tone.m4a")
    part = write_film(tmp_path / "part.nut", frames, options={"bf": "0"})
    film = tmp_path / "film.mp4"
    with av.open(str(film), "w") as written:
        for language in ("eng", "ger"):
            with av.open(str(tones)) as tone:
                stream = written.add_stream_from_template(tone.streams.audio[0])
                stream.metadata["language"] = language
                stream.disposition = Disposition.default if language == "ger" else Disposition(0)
        for stream in written.streams.audio:
            with av.open(str(tones)) as tone:
                for packet in tone.demux(tone.streams.audio[0]):
                    if packet.size:
                        packet.stream = stream
                        written.mux_one(packet)
    assemble(
        film,
        [part],
        tmp_path / "out.mkv",
        look=LOOK,
        last_duration_s=Fraction(1, 25),
        with_sound=True,
        comment="made by a test",
    )
    with av.open(str(tmp_path / "out.mkv")) as made:
        found = [
            (stream.metadata["language"], bool(stream.disposition & Disposition.default))
            for stream in made.streams.audio
        ]
    assert found == [("eng", False), ("ger", True)]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("num_frames", range(1, 11))
def test_parts_of_any_length_are_joined_with_the_sound(
    num_frames: int, suffix: str, tmp_path: Path
) -> None:
    frames = moving_square(num_frames)
    film = write_film(tmp_path / "film.mkv", frames, sound="libopus")
    encoding = Encoding(kind_of(tmp_path / f"x{suffix}").codec, 40, Fraction(1, 25), Fraction(25))
    part, output = tmp_path / "part.nut", tmp_path / f"out{suffix}"
    images = [Timed(frame, pts) for pts, frame in enumerate(frames)]
    write_part(part, images, look=LOOK, encoding=encoding)
    assemble(film, [part], output, look=LOOK, last_duration_s=Fraction(1, 25), with_sound=True,
             comment="made by a test")  # fmt: skip
    times = times_s(output)
    assert [each - times[0] for each in times] == [Fraction(pts, 25) for pts in range(num_frames)]
    assert next(film_frames(output)).look.colour == LOOK.colour


def test_a_film_with_a_colon_in_its_name_is_written_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    frames = moving_square(2)
    film = write_film(tmp_path / "film.mkv", frames)
    encoding = Encoding(kind_of(film).codec, 40, Fraction(1, 25), Fraction(25))
    part, output = Path("part:0.nut"), Path("take:2.mkv")
    images = [Timed(frame, pts) for pts, frame in enumerate(frames)]
    write_part(part, images, look=LOOK, encoding=encoding)
    assemble(film, [part], output, look=LOOK, last_duration_s=Fraction(1, 25), with_sound=True,
             comment="made by a test")  # fmt: skip
    assert len(list(film_frames(tmp_path / output))) == 2


def test_a_shape_of_pixels_that_the_output_cannot_state_is_refused(tmp_path: Path) -> None:
    wide = Look(LOOK.colour, LOOK.matrix, Fraction(4, 3))
    check_pixels_fit(wide, tmp_path / "in.mkv", tmp_path / "out.mkv")
    check_pixels_fit(LOOK, tmp_path / "in.mkv", tmp_path / "out.webm")
    with pytest.raises(UserError, match=r"in.mkv has pixels that are 1.33 times as wide as high"):
        check_pixels_fit(wide, tmp_path / "in.mkv", tmp_path / "out.webm")


@pytest.mark.parametrize(
    ("sound", "remedy"),
    [("adpcm_yamaha", "give --no-sound"), ("pcm_s16le", "name a .mkv file, or give --no-sound")],
)
def test_a_mkv_is_advised_where_it_can_hold_the_sound(
    sound: str, remedy: str, tmp_path: Path
) -> None:
    film = write_film(tmp_path / "film.avi", moving_square(3), codec="mpeg4", sound=sound,
                      options={})  # fmt: skip
    with pytest.raises(UserError, match=f"copied as it is; {remedy}$"):
        check_sound_fits(film, tmp_path / "out.webm")
