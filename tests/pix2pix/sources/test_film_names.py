"""Which files are films, and which of them are pairs, by their names alone."""

import logging
import unicodedata
from pathlib import Path

import pytest

from pix2pix.sources.films import film_pairs
from tests.support.film_pairs import config, empty_files


def test_a_kind_that_is_not_read_may_lie_beside_one_that_is(tmp_path: Path) -> None:
    empty_files(tmp_path, "A/x.mp4", "B/x.mp4", "A/x.flv")
    assert [pair.name for pair in film_pairs(config(tmp_path))] == ["x"]


def test_composed_and_decomposed_names_are_the_same(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    empty_files(tmp_path, f"A/{names[0]}.mp4", f"B/{names[1]}.mp4")
    assert [pair.name for pair in film_pairs(config(tmp_path))] == [names[0]]


def test_hidden_folders_hold_no_films(tmp_path: Path) -> None:
    empty_files(tmp_path, "A/x.mp4", "B/x.mp4", "A/.trash/y.mp4", "B/__MACOSX/z.mp4")
    assert [pair.name for pair in film_pairs(config(tmp_path))] == ["x"]


def test_a_film_in_a_folder_may_be_called_like_a_split(tmp_path: Path) -> None:
    empty_files(tmp_path, "A/test/train.mp4", "B/test/train.mp4")
    assert [pair.name for pair in film_pairs(config(tmp_path))] == ["test/train"]


def test_files_that_are_not_used_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    empty_files(
        tmp_path, "A/x.mp4", "B/x.mp4", "A/x.srt", "train/A/y.mp4", "raw/z.flv", "notes.txt"
    )
    film_pairs(config(tmp_path))
    assert caplog.messages == [
        "ignored 1 file of other kinds: A/x.srt",
        "2 unused films lie in none of the folders A, B: raw/z.flv, train/A/y.mp4",
    ]
