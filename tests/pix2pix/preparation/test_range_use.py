"""Which share of its range a side uses: proposed a better one, and stopped where it is absurd."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.report import CheckReport, as_dict, format_report
from tests.support.small_sets import NUM_PAIRS, make_config, make_side, noise, save


def check(root: Path, images: list[np.ndarray], **side: object) -> CheckReport:
    """Colour noise in A, `images` in B."""
    for index, image in enumerate(images):
        save(root / f"A/{index}.png", noise(index))
        save(root / f"B/{index}.npy", image)
    side_b = make_side(**({"channels": images[0].shape[2]} | side))
    return check_pairs(root, make_config(side_b=side_b), num_workers=1)


def notes(report: CheckReport) -> list[str]:
    """Without those on small sets."""
    return [note for note in report.notes if "is used there" not in note]


def twelve_bit(low: int = 200, high: int = 1220) -> list[np.ndarray]:
    images = [noise(50 + index, 1, dtype="float32") for index in range(NUM_PAIRS)]
    return [(low + image * (high - low)).round().astype(np.uint16) for image in images]


def kinds(report: CheckReport) -> list[str]:
    return [offence.kind for offence in report.offences]


def test_twelve_bits_in_sixteen_stop_with_a_range_to_set(tmp_path: Path) -> None:
    report = check(tmp_path, twelve_bit())

    assert kinds(report) == ["narrow_range"]
    low, high = min(map(np.min, twelve_bit())), max(map(np.max, twelve_bit()))
    assert f"set value_range: [{low}, {high}]" in report.offences[0].message
    assert "1.5" in report.offences[0].message  # per cent
    assert report.is_beyond_excluding
    assert f"side B: uint16, values {low}..{high}, " in format_report(report)
    assert len(as_dict(report)["sides"]) == 2


@pytest.mark.parametrize(("high", "expected"), [(999, ["narrow_range"]), (1000, [])])
def test_less_than_a_tenth_of_the_range_stops(
    tmp_path: Path, high: int, expected: list[str]
) -> None:
    images = twelve_bit(0, high)
    images[0][0, :2, 0] = 0, high
    assert kinds(check(tmp_path, images, value_range=(0.0, 10_000.0))) == expected


@pytest.mark.parametrize("hot", [65535, 61234])
def test_a_single_hot_pixel_does_not_hide_it(tmp_path: Path, hot: int) -> None:
    """65535 stands apart; another outlier may be data, so that the report only proposes."""
    images = twelve_bit()
    images[0][3, 3] = hot
    report = check(tmp_path, images)

    said = "\n".join([*report.notes, *(offence.message for offence in report.offences)])
    assert "set value_range: [20" in said
    assert kinds(report) == (["narrow_range"] if hot == 65535 else [])


def test_a_declared_range_that_fits_is_sound(tmp_path: Path) -> None:
    report = check(tmp_path, twelve_bit(), value_range=(200.0, 1220.0))

    assert report.offences == ()
    assert notes(report) == []


def test_a_range_of_which_a_quarter_is_used_is_proposed_to_be_narrower(tmp_path: Path) -> None:
    report = check(tmp_path, twelve_bit(0, 16000))

    assert report.offences == ()
    (note,) = notes(report)
    assert "24.4" in note
    assert "value_range: [" in note


@pytest.mark.parametrize(("high", "expected"), [(255.0, ["narrow_range"]), (1.0, [])])
def test_floats_are_held_to_their_declared_range(
    tmp_path: Path, high: float, expected: list[str]
) -> None:
    images = [noise(50 + index, 1, dtype="float32") for index in range(NUM_PAIRS)]
    assert kinds(check(tmp_path, images, value_range=(0.0, high))) == expected


def test_floats_without_a_range_are_proposed_one(tmp_path: Path) -> None:
    images = [noise(50 + index, 1, dtype="float32") + 3 for index in range(NUM_PAIRS)]
    report = check(tmp_path, images)

    assert kinds(report) == ["no_value_range"]
    assert any("value_range: [3.0" in note for note in report.notes)


@pytest.mark.parametrize("declared", [None, (-9999.0, 1.0)])
def test_a_proposed_range_leaves_out_no_data_and_names_it(
    tmp_path: Path, declared: tuple[float, float] | None
) -> None:
    images = [noise(50 + index, 1, dtype="float32") + 3 for index in range(NUM_PAIRS)]
    for image in images:
        image[:4] = -9999
    report = check(tmp_path, images, value_range=declared)

    (line,) = [line for line in format_report(report).splitlines() if "value_range: [3" in line]
    assert "and nodata: -9999 if nothing was measured" in line


def test_opacity_does_not_count_as_use_of_the_range(tmp_path: Path) -> None:
    import imagecodecs

    for index, grey in enumerate(twelve_bit()):
        save(tmp_path / f"A/{index}.png", noise(index))
        rgba = np.concatenate([grey.repeat(3, 2), np.full_like(grey, 65535)], axis=2)
        (tmp_path / "B").mkdir(exist_ok=True)
        (tmp_path / f"B/{index}.png").write_bytes(imagecodecs.png_encode(rgba))
    config = make_config(side_b=make_side(channels=4))

    assert kinds(check_pairs(tmp_path, config, num_workers=1)) == ["narrow_range"]


def ids(top: int, *, void: bool = False) -> list[np.ndarray]:
    images = [(noise(50 + index, 1) % (top + 1)) for index in range(NUM_PAIRS)]
    for image in images:
        image[0, 0] = 255 if void else 0
    return images


@pytest.mark.parametrize("kind", ["image", "labels"])
@pytest.mark.parametrize("void", [False, True])
def test_class_ids_that_are_not_declared_are_told_from_brightness(
    tmp_path: Path, kind: str, void: bool
) -> None:
    report = check(tmp_path, ids(4, void=void), kind=kind)

    (offence,) = report.offences
    assert offence.kind == "narrow_range"
    assert "num_labels: 5" in offence.message
    assert ("void_label: 255" in offence.message) == void
    assert ("kind: labels" in offence.message) == (kind == "image")


@pytest.mark.parametrize(("top", "said"), [(25, ["num_labels: 26"]), (26, [])])
def test_values_up_to_a_tenth_of_the_range_look_like_class_ids(
    tmp_path: Path, top: int, said: list[str]
) -> None:
    images = ids(top)
    images[0][0, 1] = top
    offences = check(tmp_path, images).offences
    assert len(offences) == len(said)
    assert all(text in each.message for each, text in zip(offences, said, strict=True))


def test_declared_ids_with_void_are_sound(tmp_path: Path) -> None:
    report = check(tmp_path, ids(4, void=True), kind="labels", num_labels=5, void_label=255)

    assert report.offences == ()
    assert notes(report) == []


def test_black_and_white_use_the_whole_range(tmp_path: Path) -> None:
    images = [(noise(50 + i, 1) // 128 * 255).astype(np.uint8) for i in range(NUM_PAIRS)]

    assert check(tmp_path, images).offences == ()


@pytest.mark.parametrize("no_data", [-9999.0, -1234.0, 1e20])
def test_no_data_is_named_and_not_taken_for_a_reason_to_widen_the_range(
    tmp_path: Path, no_data: float
) -> None:
    images = [noise(50 + index, 1, dtype="float32") for index in range(NUM_PAIRS)]
    for image in images:
        image[:4] = no_data
    report = check(tmp_path, images, value_range=(0.0, 1.0))

    assert set(kinds(report)) == {"no_data", "too_few_pairs"}
    text = format_report(report)
    assert f"{no_data:g} in 10.0% of the pixels" in text
    assert "widen value_range of the side" not in text
    assert "no sound pair is left" in text
    assert "found folders" not in text


def test_a_range_widened_to_no_data_is_stopped(tmp_path: Path) -> None:
    images = [noise(50 + index, 1, dtype="float32") for index in range(NUM_PAIRS)]
    for image in images:
        image[:4] = -9999
    report = check(tmp_path, images, value_range=(-9999.0, 1.0))

    assert kinds(report) == ["narrow_range"]
    assert any("apart from all others, -9999" in line for line in report.sides)


def test_values_a_little_outside_are_still_to_be_widened_for(tmp_path: Path) -> None:
    images = [noise(50 + index, 1, dtype="float32") for index in range(NUM_PAIRS)]
    report = check(tmp_path, images, value_range=(0.0, 0.5))

    assert set(kinds(report)) == {"out_of_range", "too_few_pairs"}
