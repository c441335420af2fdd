"""`pix2pix translate` with a single image file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.commands.translate import translate
from pix2pix.errors import UserError
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from tests.support.folders import contents
from tests.support.model_folders import source_image
from tests.support.registered_project import MODEL, MODELS, change_card, register_model

pytestmark = pytest.mark.slow  # models are registered in each: a second and more


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.png"
    path.parent.mkdir()
    path.write_bytes(encode(source_image(40, 51)))
    return path


@pytest.mark.parametrize(("output", "written"), [("b.png", "b.png"), ("new", "new/a.png")])
def test_an_image_is_written_by_its_name_or_into_a_folder(
    model: str, image: Path, tmp_path: Path, output: str, written: str
) -> None:
    translate(model=model, source=image, result=tmp_path / "out" / output)
    expected = encode(Translator.load(MODELS).translate(source_image(40, 51)))
    assert contents(tmp_path / "out") == {written: expected}


def test_a_result_that_would_replace_a_file_or_has_another_format_is_refused(
    model: str, image: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"a\.png is INPUT itself"):
        translate(model=model, source=image, result=image.parent, overwrite=True)
    with pytest.raises(UserError, match=r"the result is a \.png file; name it .*b\.png"):
        translate(model=model, source=image, result=tmp_path / "b.tif")
    translate(model=model, source=image, result=tmp_path / "new")
    with pytest.raises(UserError, match=r"a\.png exists; .*--overwrite"):
        translate(model=model, source=image, result=tmp_path / "new")
    translate(model=model, source=image, result=tmp_path / "new", overwrite=True)
    for options in ({"keep": True}, {"crf": 3}, {"cluster": True}):
        with pytest.raises(UserError, match=r"a\.png is an image; --.* is for (folders|films)"):
            translate(model=model, source=image, result=tmp_path / "new", **options)


def test_what_cannot_be_translated_is_named_and_nothing_is_written(
    model: str, image: Path, tmp_path: Path
) -> None:
    broken = image.with_name("broken.png")
    broken.write_text("hello")
    text = image.with_name("text.txt")
    text.write_text("hello")
    for source, said in (
        (broken, r"broken\.png: is no PNG"),
        (text, r"text\.txt is no image that is read .*convert it to PNG"),
    ):
        with pytest.raises(UserError, match=said):
            translate(model=model, source=source, result=tmp_path / "b.png")
    with pytest.raises(UserError, match=r"has no recipe.*leave out --from-photo"):
        translate(model=model, source=image, result=tmp_path / "b.png", from_photo=True)
    assert not (tmp_path / "b.png").exists()


def test_a_volume_needs_its_folder(model: str, image: Path, tmp_path: Path) -> None:
    card_source = Translator.load(MODELS).card.source
    change_card(source=replace(card_source, slices="z"))
    register_model()
    volume = image.with_name("volume.npy")
    np.save(volume, np.zeros((4, 32, 32), np.uint8))
    with pytest.raises(UserError, match=r"volume\.npy is a volume of slices; give its folder"):
        translate(model=f"{MODEL}/2", source=volume, result=tmp_path / "out")
