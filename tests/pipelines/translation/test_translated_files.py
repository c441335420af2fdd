"""Images of a folder are translated file by file; what fails is said."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.translation import translated_files
from pipelines.translation.translated_files import translate_files
from pipelines.translation.translation_plan import (
    SourceImage,
)
from pix2pix import memory
from pix2pix.config import load_params
from pix2pix.data.manifest import SideRecord
from pix2pix.errors import StorageError
from pix2pix.images.decode import decode
from pix2pix.images.encode import encode
from pix2pix.inference import Translator, whole
from pix2pix.models import GeneratorConfig, InferenceNetwork, translate
from tests.support.model_folders import source_image, write_model
from tests.support.small_sets import PARAMS
from tests.support.translation_plan import plan_for, write


def test_what_cannot_be_translated_is_said_and_the_rest_is_there_and_whole(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    translator = Translator.load(tmp_path / "models")
    image = source_image(40, 51)
    good = [write(tmp_path / "in" / name, encode(image)) for name in ("a.png", "z/a.png")]
    cut = write(tmp_path / "in" / "cut.png", encode(image)[:200])
    gray = write(tmp_path / "in" / "gray.png", encode(image[..., :1]))
    deep = write(tmp_path / "in" / "deep.png", encode(image.astype(np.uint16)))
    plan = plan_for(translator, tmp_path)
    failures = translate_files(translator, plan)
    assert {source.path for source in failures} == {cut, gray, deep}
    assert failures[SourceImage(cut)].startswith("is truncated")
    assert failures[SourceImage(gray)] == (
        "has 1 channel, and the model takes 3; convert it"  # not: set channels
    )
    assert "trained on uint8 sources in [0.0, 255.0], got uint16" in failures[SourceImage(deep)]
    files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert files == [plan[SourceImage(path)] for path in good]
    for path in files:
        np.testing.assert_array_equal(decode(path.read_bytes()), translator.translate(image))


def test_class_ids_are_read_as_they_were_for_the_training(tmp_path: Path) -> None:
    """A palette is colours for people; the ids are what it indexes, and void is what it was."""
    ids = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 4, 255], np.uint8), (32, 32))
    wrong = ids.copy()
    wrong[3, 4] = 7
    (tmp_path / "in").mkdir()
    for name, values in (("a", ids), ("b", wrong)):
        picture = Image.fromarray(values, mode="P")
        picture.putpalette([value % 256 for value in range(768)])
        picture.save(tmp_path / "in" / f"{name}.png")
    write_model(
        tmp_path / "models",
        source=SideRecord(
            "labels", 1, "uint8", (0.0, 5.0), "nearest", num_labels=5, void_label=255
        ),
        generator=GeneratorConfig(source_channels=1, base_channels=4, depth=5),
    )
    translator = Translator.load(tmp_path / "models")
    plan = plan_for(translator, tmp_path)
    failures = translate_files(translator, plan)
    bad = SourceImage(tmp_path / "in" / "b.png")
    assert failures == {
        bad: "holds 7, and the model takes the class ids 0..4, and 255 where there is no class; "
        "correct them"
    }
    translated = decode((tmp_path / "out" / "a.png").read_bytes())
    np.testing.assert_array_equal(translated, translator.translate(ids[..., None]))


@pytest.mark.parametrize("limited", ["estimated", "taken"])
def test_where_memory_ends_the_file_is_named_and_later_ones_are_translated(
    tmp_path: Path, limited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "models")
    translator = Translator.load(tmp_path / "models")
    large = write(tmp_path / "in" / "a.png", encode(source_image(600, 700)))
    small = write(tmp_path / "in" / "b.png", encode(source_image(40, 51)))
    if limited == "estimated":
        monkeypatch.setattr(memory, "available_bytes", lambda device: 20 * 2**20)
    else:
        monkeypatch.setattr(whole, "translate", _out_of_memory_beyond(10**5))
    plan = plan_for(translator, tmp_path)
    failures = translate_files(translator, plan, scale="native")
    assert set(failures) == {SourceImage(large)}
    assert failures[SourceImage(large)].startswith("an image of 700x600 px needs ")
    assert plan[SourceImage(small)].is_file()


def test_a_large_image_is_translated_in_tiles_and_its_progress_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_model(tmp_path / "models")
    translator = Translator.load(tmp_path / "models")
    source = write(tmp_path / "in" / "a.png", encode(source_image(100, 90)))
    plan = plan_for(translator, tmp_path)
    expected = translator.translate_file(source, scale="native")
    monkeypatch.setattr("pix2pix.inference.translator.whole_bytes", lambda card, size: 2**60)
    monkeypatch.setattr(translated_files, "_PROGRESS_S", 0.0)
    caplog.set_level("INFO")
    assert translate_files(translator, plan, scale="native") == {}
    written = decode(plan[SourceImage(source)].read_bytes())
    np.testing.assert_allclose(written.astype(float), expected, atol=1)
    assert "an image of 90x100 px is translated in tiles" in caplog.text
    assert f"{source}: 100%, 0 s left" in caplog.text
    assert "1 of 1 images" in caplog.text


def test_a_disk_without_room_for_the_temporary_files_is_named_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "models")
    translator = Translator.load(tmp_path / "models")
    write(tmp_path / "in" / "a.png", encode(source_image(100, 90)))
    plan = plan_for(translator, tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("pix2pix.inference.translator.whole_bytes", lambda card, size: 2**60)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match=r"/temporary cannot be written: No space .* make room"):
        translate_files(translator, plan, scale="native")
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.timeout(60)
def test_a_pipe_is_named_and_nobody_waits_for_its_content(tmp_path: Path) -> None:
    """Whether a .tif file is a GeoTIFF is looked at before anything is translated."""
    write_model(tmp_path / "models")
    translator = Translator.load(tmp_path / "models")
    write(tmp_path / "in" / "b.png", encode(source_image(40, 51)))
    os.mkfifo(tmp_path / "in" / "a.tif")
    plan = plan_for(translator, tmp_path)
    pipe = SourceImage(tmp_path / "in" / "a.tif")
    assert translate_files(translator, plan) == {
        pipe: "is a pipe, a socket or a device, not a file; take it away"
    }


def test_photos_of_one_name_in_two_folders_are_hidden_in_unlike_places(tmp_path: Path) -> None:
    """As in the training, where they are two pairs."""
    write_model(tmp_path / "models", recipe=replace(load_params(PARAMS).data.recipe, kind="mask"))
    translator = Translator.load(tmp_path / "models", from_photo=True)
    for name in ("a/x.png", "b/x.png"):
        write(tmp_path / "in" / name, encode(source_image(32, 32)))
    plan = plan_for(translator, tmp_path)

    assert translate_files(translator, plan) == {}
    written = [decode(output.read_bytes()) for output in plan.values()]
    expected = [
        translator.translate_file(source.path, pair_id=pair_id)
        for source, pair_id in zip(plan, ("a/x", "b/x"), strict=True)
    ]
    np.testing.assert_array_equal(written, expected)
    assert not np.array_equal(*written)


def _out_of_memory_beyond(num_pixels: int) -> Callable[..., torch.Tensor]:
    def limited(network: InferenceNetwork, source: torch.Tensor, seeds: list[int]) -> torch.Tensor:
        if source[0, 0].numel() > num_pixels:
            torch.empty(2**50)  # torch's own error
        return translate(network, source, seeds=seeds)

    return limited


@pytest.mark.parametrize("suffix", [".webp", ".bmp", ".gif"])
def test_other_formats_are_translated_as_a_png_is(tmp_path: Path, suffix: str) -> None:
    write_model(tmp_path / "models")
    translator = Translator.load(tmp_path / "models")
    blocks = np.random.default_rng(0).integers(0, 4, (8, 8, 3), dtype=np.uint8) * np.uint8(85)
    image = blocks.repeat(8, 0).repeat(8, 1)
    (tmp_path / "in").mkdir()
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(image).save(tmp_path / "in" / f"a{suffix}", **options)

    plan = plan_for(translator, tmp_path)

    assert translate_files(translator, plan) == {}
    translated = decode((tmp_path / "out" / "a.png").read_bytes())
    np.testing.assert_array_equal(translated, translator.translate(image))


def test_the_first_frame_is_translated_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_model(tmp_path / "models")
    translator = Translator.load(tmp_path / "models")
    frames = [Image.fromarray(source_image(40, 51)).rotate(turn) for turn in (0, 90)]
    (tmp_path / "in").mkdir()
    frames[0].save(tmp_path / "in" / "a.gif", save_all=True, append_images=frames[1:])

    plan = plan_for(translator, tmp_path)

    assert translate_files(translator, plan) == {}
    assert "a.gif: only the first of 2 frames is used" in caplog.text
