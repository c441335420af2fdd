"""The finished film has what the source film has beside its pictures."""

from fractions import Fraction
from pathlib import Path

import av
from av.stream import Disposition

from pix2pix.film.assembly import assemble
from tests.support.films import moving_square, write_film, write_sound

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
