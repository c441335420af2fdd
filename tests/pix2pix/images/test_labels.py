"""Class ids and the void label, from file to network and back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2pix.config import SideConfig, load_params
from pix2pix.images.image import conform, read_image, value_range
from pix2pix.images.labels import LabelError, class_to_void, void_to_class
from pix2pix.images.masked import decode_side, masked_array, read_side
from pix2pix.images.options import side_options
from tests.support.scientific_files import npy

PARAMS = Path(__file__).parents[3] / "params" / "default.yaml"


def make_side(**changes: object) -> SideConfig:
    side = load_params(PARAMS).data.side_a
    return replace(side, **({"kind": "labels", "channels": 1} | changes))


CLASSES = make_side(num_labels=5, void_label=255)


def test_void_is_the_class_after_the_last_one_and_comes_back_as_void() -> None:
    ids = np.array([[0, 4, 255]], dtype=np.uint8)[..., None]

    seen = conform(ids, CLASSES)

    assert seen[0, :, 0].tolist() == [0, 4, 5]
    assert seen.dtype == np.uint8
    assert value_range("uint8", CLASSES) == (0.0, 5.0)
    np.testing.assert_array_equal(class_to_void(seen, CLASSES), ids, strict=True)


def test_without_a_void_label_ids_stay_as_they_are() -> None:
    ids = np.arange(5, dtype=np.uint16).reshape(1, 5, 1)
    side = make_side(num_labels=5)

    assert void_to_class(ids, side) is ids
    assert class_to_void(ids, side) is ids
    assert value_range("uint16", side) == (0.0, 4.0)


@pytest.mark.parametrize(
    ("values", "void_label", "message"),
    [
        ([0, 255], None, "holds 255; num_labels is 5"),
        ([0, 5], None, "holds 5; num_labels is 5"),
        ([0, 5], 255, "holds 5; num_labels is 5 and void_label 255"),
        ([0, 5, 255], 255, "holds 5; num_labels is 5 and void_label 255"),
        (list(range(5, 12)), None, "holds 5, 6, 7, 8, 9, ...; num_labels is 5"),
    ],
)
def test_what_is_neither_an_id_nor_void_is_named(
    values: list[int], void_label: int | None, message: str
) -> None:
    """Id 5 of a set of five classes is not taken for void, which the networks see as 5."""
    with pytest.raises(LabelError, match=message):
        conform(
            np.array([values], np.uint8)[..., None], make_side(num_labels=5, void_label=void_label)
        )


def test_ids_stored_as_floats_are_the_same_for_translation_and_serving(tmp_path: Path) -> None:
    ids = np.array([[0, 3.0000000000000004, 255]])  # 3: a slope of 0.1 makes such numbers
    (tmp_path / "x.npy").write_bytes(npy(ids))

    sent = decode_side(npy(ids), CLASSES)

    assert sent.dtype == np.uint16
    read = read_side(tmp_path / "x.npy", CLASSES)
    np.testing.assert_array_equal(
        read.pixels[..., 0], np.array([[0, 3, 5]], np.uint16), strict=True
    )
    np.testing.assert_array_equal(masked_array(sent, CLASSES).pixels, read.pixels, strict=True)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0, "holds float32 values; class ids are integers"),
        (0.5, "holds float32 values, such as 0.5; class ids are integers"),
    ],
)
def test_an_array_of_floats_holds_no_ids(value: float, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        conform(np.full((1, 1, 1), value, np.float32), CLASSES)


def test_a_void_label_that_the_files_cannot_hold_is_named() -> None:
    with pytest.raises(ValueError, match="void_label is 65535, which uint8 files cannot hold"):
        value_range("uint8", make_side(num_labels=5, void_label=65535))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_labels": None, "void_label": 255}, "void_label needs num_labels"),
        ({"num_labels": 5, "void_label": 4}, r"void_label \(4\) is one of the class ids"),
    ],
)
def test_a_void_label_that_makes_no_sense_is_refused(
    changes: dict[str, int | None], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_side(**changes)


def save_palette(path: Path) -> np.ndarray:
    ids = np.arange(20, dtype=np.uint8).reshape(4, 5) % 5
    image = Image.fromarray(ids).convert("P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128])
    image.save(path)
    return ids


def test_palette_ids_without_num_labels_are_told_to_set_it_not_to_become_grey(
    tmp_path: Path,
) -> None:
    ids = save_palette(tmp_path / "x.png")

    def conformed(side: SideConfig) -> np.ndarray:
        return conform(read_image(tmp_path / "x.png", side_options(side)), side)

    with pytest.raises(ValueError, match="set num_labels: N") as caught:
        conformed(make_side(num_labels=None))
    assert "grayscale: true" not in str(caught.value)

    with pytest.raises(ValueError, match=r"would turn label colours.*num_labels: N"):
        conformed(make_side(num_labels=None, grayscale=True))
    read = read_side(tmp_path / "x.png", make_side(num_labels=5)).pixels
    np.testing.assert_array_equal(read[..., 0], ids)


def test_ids_stored_as_grey_rgb_are_read_exactly_where_grayscale_says_so() -> None:
    ids = np.arange(5, dtype=np.uint8).reshape(1, 5, 1)
    rgb = ids.repeat(3, axis=2)

    with pytest.raises(ValueError, match="set grayscale: true"):
        conform(rgb, CLASSES)
    np.testing.assert_array_equal(conform(rgb, replace(CLASSES, grayscale=True)), ids, strict=True)
    with pytest.raises(ValueError, match="one class id per pixel"):
        conform(rgb * np.array([1, 2, 3], np.uint8), CLASSES)
