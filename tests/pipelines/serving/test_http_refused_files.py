"""Images that cannot be translated are refused in one sentence, which helps their sender."""

import dataclasses
import re
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from pipelines.serving import translation
from pipelines.serving.messages import Refusal
from pix2pix.data.manifest import SideRecord
from pix2pix.images import pictures
from pix2pix.images.encode import encode
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.http_app import app_of, jpeg, post, tiff
from tests.support.scientific_files import npy
from tests.support.served_models import SIZE, LocalModel, write_labels_model


def png_bomb() -> bytes:
    """A file of some hundred bytes that states 40,000 x 40,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


LARGE = np.zeros((2 * SIZE + 1, 2 * SIZE, 3), np.uint8)


SMALL = np.zeros((8, 8, 3), np.uint8)


BAD_FILES = {
    "empty": (b"", 422),
    "text": (b"hello", 415),
    "html as picture": (b"<html>" * 50, 415),
    "zip": (b"PK\x03\x04" + b"\0" * 50, 415),
    "gzip": (b"\x1f\x8b" + b"\0" * 50, 415),
    "truncated png": (encode(SMALL)[:-20], 422),
    "truncated jpeg": (jpeg(SMALL)[:-200], 422),
    "truncated tiff": (tiff(SMALL)[:50], 422),
    "png bomb": (png_bomb(), 413),
    "tiff bomb": (tiff(np.zeros((999, 999), np.uint8), compression="zlib"), 413),
    "many tiff pages": (tiff(np.zeros((9, 50, 50), np.uint8), photometric="minisblack"), 413),
    "large png": (encode(LARGE), 413),
    "large jpeg": (jpeg(LARGE), 413),
    "one channel": (encode(SMALL[..., :1]), 422),
    "alpha": (encode(np.zeros((8, 8, 4), np.uint8), alpha=True), 422),
    "16 bits": (bytes(imagecodecs.png_encode(SMALL.astype(np.uint16))), 422),
    "NaN": (npy(np.full((8, 8, 3), np.nan, np.float32)), 422),
    "floats": (npy(np.zeros((8, 8, 3), np.float32)), 422),
    "no pixels": (npy(np.zeros((0, 8, 3), np.uint8)), 422),
    "objects": (npy(np.array([{}], dtype=object)), 422),
    "batch": (npy(np.zeros((2, 8, 8, 3), np.uint8)), 422),
    "npy that states more": (npy(SMALL).replace(b"(8, 8, 3)", b"(8, 8000, 3)"), 422),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence(name: str, translator: Translator) -> None:
    file, status = BAD_FILES[name]
    refused = post(app_of(LocalModel(translator)), file)
    assert (refused.status_code, list(refused.json())) == (status, ["detail"])
    sentence = refused.json()["detail"]
    assert re.match(r"the image (is|has|holds) .*; \w+", sentence), sentence
    assert "\n" not in sentence
    # The sender cannot change the settings of the training or of the server.
    assert not re.search(r"nodata|slices|num_labels|value_range|channels:|this side", sentence)


def test_short_memory_is_no_fault_of_the_file(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object, **__: object) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(pictures, "from_bits", no_memory)  # a part of decoding
    refused = post(app_of(LocalModel(translator)), encode(SMALL))
    assert refused.status_code == 507
    assert refused.json() == {"detail": "the server has too little memory; try it later"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("one channel", "the image has 1 channel, and the model takes 3; convert it"),
        (
            "alpha",
            "the image has 4 channels, and the model takes 3; "
            "remove the transparency (alpha) channel, or convert it",
        ),
        (
            "png bomb",
            f"the image has {40_000**2} pixels, more than the {4 * SIZE**2} that are accepted; "
            "scale it down",
        ),
        (
            "NaN",
            "the image holds 192 NaN or infinite values, which the model cannot translate; fill or "
            "crop them",
        ),
        (
            "batch",
            "the image has shape (2, 8, 8, 3); send (height, width, channels) of one image",
        ),
        (
            "floats",
            "the image has float32 values, and the model was trained on uint8; convert it",
        ),
    ],
)
def test_a_refusal_tells_the_sender_what_can_be_done(
    translator: Translator, name: str, sentence: str
) -> None:
    refused = post(app_of(LocalModel(translator)), BAD_FILES[name][0])
    assert refused.json() == {"detail": sentence}


def one_channel_model(folder: Path, source: SideRecord) -> Translator:
    return write_labels_model(
        folder,
        source=source,
        source_statistics=None,
        generator=GeneratorConfig(source_channels=1, base_channels=4, depth=5),
        discriminator=DiscriminatorConfig(in_channels=4, base_channels=4, num_layers=2),
    )


IDS = SideRecord("labels", 1, "uint8", (0.0, 4.0), "nearest", num_labels=4, void_label=255)
GREY_IDS = dataclasses.replace(IDS, grayscale=True)
SCAN = SideRecord("image", 1, "uint16", (0.0, 100.0), "area", nodata="file")


@pytest.mark.parametrize(
    ("side", "file", "sentence"),
    [
        (
            IDS,
            encode(np.full((8, 8, 1), 9, np.uint8)),
            "the image holds 9, and the model takes the class ids 0..3, and 255 where there is no "
            "class; correct them",
        ),
        (
            GREY_IDS,
            encode(SMALL + np.arange(3, dtype=np.uint8)),
            "the image has coloured labels, and the model takes grey ones; convert it",
        ),
        (
            SCAN,
            encode(np.zeros((8, 8, 2), np.uint8), alpha=True),
            "the image has an opacity channel, and the model takes none; remove the channel",
        ),
        (
            SCAN,
            tiff(np.zeros((8, 8), np.uint16), extratags=[(42113, "s", 0, "0", True)]),
            "the image states which of its uint16 pixels have no value, which is only read from "
            "files in a folder: give these pixels a value and remove the nodata tag (42113) and "
            "the mask, or use `pix2pix translate`",
        ),
    ],
    ids=["class id", "coloured labels", "opacity", "nodata"],
)
def test_a_refusal_names_no_setting_of_the_training(
    tmp_path: Path, side: SideRecord, file: bytes, sentence: str
) -> None:
    refused = post(app_of(LocalModel(one_channel_model(tmp_path, side))), file)
    assert (refused.status_code, refused.json()) == (422, {"detail": sentence})


def test_too_little_memory_is_told_without_the_settings_of_the_server(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = dataclasses.replace(translator, max_memory_gib=1e-6)
    sentence = post(app_of(LocalModel(small)), encode(SMALL)).json()["detail"]
    assert re.fullmatch(
        "an image of 8x8 px needs about .* MiB of memory and 0 MiB are left; scale it down or cut "
        "it into parts",
        sentence,
    )


def test_of_a_batch_only_the_image_that_cannot_be_translated_is_refused(tmp_path: Path) -> None:
    """The requests of a batch may come from different senders."""
    source = SideRecord("image", 1, "float32", (0.0, 1.0), "area")
    version = LocalModel(one_channel_model(tmp_path, source)).version
    images = [np.full((8, 8, 1), value, np.float32) for value in (0.2, 3e38, 0.7)]
    jobs = [translation.Job(version, {"source": image}, "training") for image in images]
    first, refused, last = translation.translate(jobs)
    assert isinstance(refused, Refusal)
    assert "far outside of [0.0, 1.0]" in refused.reason
    for result, image in ((first, images[0]), (last, images[2])):
        np.testing.assert_array_equal(result, version.translator.translate(image))
