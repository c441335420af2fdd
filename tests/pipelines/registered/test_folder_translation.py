from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.registered.folder_translation import check_folders, planned, translate_files
from pix2pix.data.decode import decode
from pix2pix.data.encode import encode
from pix2pix.data.manifest import SideRecord
from pix2pix.inference import Translator
from pix2pix.models import GeneratorConfig
from tests.pipelines.tracked_project import SIDE, source_image, write_model

FLOATS = SideRecord("image", 3, "float32", (0.0, 1.0), "area")


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_each_image_at_any_depth_keeps_its_name_and_gets_the_suffix_of_the_target(
    tmp_path: Path,
) -> None:
    names = ["b.PNG", "a.jpeg", "val/x.tif", "train/deep/y.npy", "notes.txt", ".hidden.png"]
    for name in names:
        write(tmp_path / "in" / name, b"x")
    for side, suffix in ((SIDE, "png"), (FLOATS, "tif")):
        plan = planned(tmp_path / "in", tmp_path / "out", side)
        assert {
            source.relative_to(tmp_path).as_posix(): output.relative_to(tmp_path).as_posix()
            for source, output in plan.items()
        } == {
            "in/a.jpeg": f"out/a.{suffix}",
            "in/b.PNG": f"out/b.{suffix}",
            "in/train/deep/y.npy": f"out/train/deep/y.{suffix}",
            "in/val/x.tif": f"out/val/x.{suffix}",
        }


def test_images_that_would_become_one_file_are_named(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        write(tmp_path / "in" / name, b"x")
    with pytest.raises(ValueError, match=r"a\.jpg and .*a\.png would both become .*a\.png"):
        planned(tmp_path / "in", tmp_path / "out", SIDE)


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    write(tmp_path / "in" / "notes.txt", b"x")
    with pytest.raises(ValueError, match=r"--input .*in holds no images \(\.png"):
        planned(tmp_path / "in", tmp_path / "out", SIDE)


@pytest.mark.parametrize("output", ["in", "in/out", ".", "out/../in/x", "link"])
def test_an_output_that_overlaps_the_input_is_refused(tmp_path: Path, output: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(ValueError, match="overlaps --input"):
        check_folders(tmp_path / "in", tmp_path / output)
    check_folders(tmp_path / "in", tmp_path / "out")
    check_folders(tmp_path / "in", tmp_path / "in2")


def test_an_input_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--input .*in is not a folder"):
        check_folders(tmp_path / "in", tmp_path / "out")


def test_what_cannot_be_translated_is_said_and_the_rest_is_there_and_whole(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    translator = Translator.load(tmp_path / "models")
    image = source_image(40, 51)
    good = [write(tmp_path / "in" / name, encode(image)) for name in ("a.png", "z/a.png")]
    cut = write(tmp_path / "in" / "cut.png", encode(image)[:200])
    gray = write(tmp_path / "in" / "gray.png", encode(image[..., :1]))
    deep = write(tmp_path / "in" / "deep.png", encode(image.astype(np.uint16)))
    plan = planned(tmp_path / "in", tmp_path / "out", translator.card.target)
    failures = translate_files(translator, plan)
    assert set(failures) == {cut, gray, deep}
    assert failures[cut].startswith("is truncated")
    assert "images of shape (N, H, W, 3), got (1, 40, 51, 1)" in failures[gray]
    assert "trained on uint8 sources in [0.0, 255.0], got uint16" in failures[deep]
    files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert files == [plan[path] for path in good]
    for path in files:
        np.testing.assert_array_equal(decode(path.read_bytes()), translator.translate(image))


def test_class_ids_are_read_as_they_were_for_the_training(tmp_path: Path) -> None:
    """A palette is colours for people; the ids are what it indexes."""
    ids = np.random.default_rng(0).integers(0, 5, (32, 32), dtype=np.uint8)
    picture = Image.fromarray(ids, mode="P")
    picture.putpalette(range(15))
    (tmp_path / "in").mkdir()
    picture.save(tmp_path / "in" / "a.png")
    card = write_model(
        tmp_path / "models",
        source=SideRecord("labels", 1, "uint8", (0.0, 4.0), "nearest"),
        generator=GeneratorConfig(source_channels=1, base_channels=4, depth=5),
    )
    translator = Translator.load(tmp_path / "models")
    plan = planned(tmp_path / "in", tmp_path / "out", card.target)
    assert translate_files(translator, plan) == {}
    translated = decode((tmp_path / "out" / "a.png").read_bytes())
    np.testing.assert_array_equal(translated, translator.translate(ids[..., None]))
