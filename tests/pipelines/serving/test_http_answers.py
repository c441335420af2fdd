"""The formats and the kinds of images that the HTTP side takes and gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pix2pix.data.manifest import SideRecord
from pix2pix.images.decode import decode, decode_file
from pix2pix.images.encode import encode, encode_as
from pix2pix.images.options import ReadOptions
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.http_app import app_of, post
from tests.support.model_folders import PHOTO
from tests.support.served_models import SIZE, LocalModel, label_maps, write_labels_model


@pytest.mark.parametrize("kind", ["image/png", "image/tiff", "application/x-npy"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_chosen_format_has_all_bits(dtype: str, kind: str, tmp_path: Path) -> None:
    side = SideRecord("image", 3, dtype, (0.0, float(np.iinfo(dtype).max)), "area")
    translator = write_labels_model(tmp_path, source=side, target=side, source_statistics=None)
    image = np.random.default_rng(0).integers(0, 9, (SIZE, SIZE, 3)).astype(dtype)
    answer = post(app_of(LocalModel(translator)), encode(image), headers={"accept": kind})
    assert answer.headers["content-type"] == kind
    result = decode(answer.content)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, translator.translate(image))


def test_jpeg_is_close_and_the_first_acceptable_format_is_taken(translator: Translator) -> None:
    app = app_of(LocalModel(translator))
    (image,) = label_maps(50, 1)
    accept = {"accept": "text/html, image/png;q=0.1, image/jpeg;q=0.9, application/json;q=0"}
    answer = post(app, encode(image), headers=accept)
    assert answer.headers["content-type"] == "image/jpeg"
    assert decode(answer.content).shape == (SIZE, SIZE, 3)
    for unwanted in ("text/html", "text/html, application/json;q=0"):
        refused = post(app, encode(image), headers={"accept": unwanted})
        assert refused.status_code == 406


def test_floats_become_tiff_and_no_png(tmp_path: Path) -> None:
    target = SideRecord("image", 3, "float32", (-1.0, 1.0), "area")
    app = app_of(LocalModel(write_labels_model(tmp_path, target=target)))
    file = encode(label_maps(50, 1)[0])
    assert post(app, file).headers["content-type"] == "image/tiff"
    refused = post(app, file, headers={"accept": "image/png"})
    assert refused.status_code == 406
    assert "float32" in refused.json()["detail"]


def test_labels_are_never_answered_as_jpeg(tmp_path: Path) -> None:
    target = SideRecord("labels", 3, "uint8", (0.0, 255.0), "nearest")
    app = app_of(LocalModel(write_labels_model(tmp_path, target=target)))
    answer = post(app, encode(label_maps(50, 1)[0]), headers={"accept": "image/jpeg"})
    assert answer.status_code == 406


def test_grey_sides_take_colours(tmp_path: Path) -> None:
    grey = SideRecord("image", 1, "uint8", (0.0, 255.0), "area", grayscale=True)
    from pix2pix.models import DiscriminatorConfig, GeneratorConfig

    translator = write_labels_model(
        tmp_path,
        source=grey,
        target=PHOTO,
        source_statistics=None,
        generator=GeneratorConfig(source_channels=1, base_channels=4, depth=5),
        discriminator=DiscriminatorConfig(in_channels=4, base_channels=4, num_layers=2),
    )
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    assert post(app_of(LocalModel(translator)), encode(image)).content == encode(
        translator.translate(image)
    )


@pytest.mark.parametrize("nodata", [-9999.0, "nan", "file"])
def test_pixels_without_a_value_are_left_out_as_in_a_translated_file(
    nodata: Any, tmp_path: Path
) -> None:
    """Also the value that the file itself states, and the answer marks them as the target does."""
    source = SideRecord("image", 1, "float32", (0.0, 100.0), "area", nodata=nodata)
    target = SideRecord("image", 1, "float32", (0.0, 1.0), "area", nodata=-1.0)
    translator = write_labels_model(
        tmp_path,
        source=source,
        target=target,
        generator=GeneratorConfig(source_channels=1, target_channels=1, base_channels=4, depth=5),
        discriminator=DiscriminatorConfig(in_channels=2, base_channels=4),
        source_statistics=None,
    )
    image = np.random.default_rng(0).uniform(0, 100, (50, 40, 1)).astype(np.float32)
    image[10:30, 5:20] = np.nan if nodata == "nan" else -9999.0
    path = tmp_path / "in.tif"
    path.write_bytes(encode(image, nodata=-9999.0))
    answer = post(app_of(LocalModel(translator)), path.read_bytes())
    result = decode(answer.content)
    np.testing.assert_array_equal(result, translator.translate_file(path))
    assert ((result == -1) == (image != image.clip(0, 100))).all()
    facts = decode_file(answer.content, ReadOptions(nodata="file")).facts
    assert facts.nodata == -1  # which other programs read


def test_whole_numbers_whose_file_states_nodata_are_refused(tmp_path: Path) -> None:
    source = SideRecord("image", 3, "uint8", (0.0, 255.0), "area", nodata="file")
    app = app_of(LocalModel(write_labels_model(tmp_path, source=source, source_statistics=None)))
    file = encode_as(np.zeros((8, 8, 3), np.uint8), "image/tiff", nodata=0.0)
    refused = post(app, file)
    assert refused.status_code == 422
    assert "use `pix2pix translate`" in refused.json()["detail"]
