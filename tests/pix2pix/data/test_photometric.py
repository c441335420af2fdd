"""Random changes of brightness, contrast, blur and noise."""

import dataclasses
import logging

import numpy as np
import pytest

from tests.support.augmentations import (
    GEOMETRIC,
    IMAGE,
    LABELS,
    PHOTOMETRIC,
    UNIT,
    as_dtype,
    make,
    smooth,
)

photometric = pytest.mark.parametrize("name", PHOTOMETRIC)


@photometric
def test_photometric_changes_leave_the_target_and_the_geometry_alone(name) -> None:
    image = as_dtype(smooth(3), "uint8")
    plain = make(**GEOMETRIC["all"])
    altered = make(**GEOMETRIC["all"], **{name: PHOTOMETRIC[name]})
    for seed in range(5):
        expected, _ = plain(image, image, seed=seed)
        source, target = altered(image, image, seed=seed)
        np.testing.assert_array_equal(target, expected)
        assert (source != expected).any()


@photometric
def test_photometric_on_both_changes_the_two_images_alike(name) -> None:
    image = as_dtype(smooth(3), "uint8")
    augmentation = make(photometric_on="both", **{name: PHOTOMETRIC[name]})
    expected, _ = make()(image, image, seed=1)
    source, target = augmentation(image, image, seed=1)
    np.testing.assert_array_equal(source, target)
    assert (target != expected).any()


@pytest.mark.parametrize(("num_channels", "correlation"), [(3, 1.0), (1, 0.0)])
def test_on_both_the_noise_of_pixels_is_the_same_if_there_are_as_many_channels(
    num_channels: int, correlation: float
) -> None:
    gray = np.full((64, 64, 3), 0.5, np.float32)
    augmentation = make(source=UNIT, target=UNIT, load_size=64, noise=0.1, photometric_on="both")
    source, target = augmentation(gray, gray[..., :num_channels], seed=3)
    assert source.std() == pytest.approx(target.std(), rel=0.05)
    found = np.corrcoef(source[..., 0].ravel(), target[..., 0].ravel())[0, 1]
    assert found == pytest.approx(correlation, abs=0.05)


@photometric
def test_photometric_changes_do_not_depend_on_how_values_are_stored(name) -> None:
    unit = as_dtype(smooth(5), "uint8").astype(np.float32) / 255
    reference, _ = make(source=UNIT, **{name: PHOTOMETRIC[name]})(unit, unit, seed=3)
    for dtype, low, high in [("uint8", 0, 255), ("uint16", 1000, 4000), ("float32", -2, 6)]:
        side = dataclasses.replace(IMAGE, dtype=dtype, value_range=(low, high))
        stored = unit * (high - low) + low
        stored = (stored if dtype == "float32" else np.rint(stored)).astype(dtype)
        source, _ = make(source=side, **{name: PHOTOMETRIC[name]})(stored, stored, seed=3)
        assert source.dtype == dtype
        step = 0 if dtype == "float32" else 1 / (high - low)
        shares = (source.astype(np.float64) - low) / (high - low)
        np.testing.assert_allclose(shares, reference, atol=1.3 * step + 1e-5)


def test_brightness_is_a_shift_and_contrast_a_factor_within_their_limits() -> None:
    image = 0.5 + 0.1 * smooth(1)
    shifts, factors = [], []
    for seed in range(100):
        plain, _ = make(source=UNIT)(image, image, seed=seed)
        brighter, _ = make(source=UNIT, brightness=0.2)(image, image, seed=seed)
        steeper, _ = make(source=UNIT, contrast=0.3)(image, image, seed=seed)
        assert np.ptp(brighter - plain) < 1e-6
        assert np.ptp(steeper / plain) < 1e-5
        shifts.append((brighter - plain).mean())
        factors.append((steeper / plain).mean())
    assert -0.2 < min(shifts) < -0.18
    assert 0.18 < max(shifts) < 0.2
    assert 0.7 < min(factors) < 0.72
    assert 1.28 < max(factors) < 1.3


def test_noise_is_independent_between_channels_and_within_its_limit() -> None:
    gray = np.full((64, 64, 5), 0.5, np.float32)
    augmentation = make(source=UNIT, load_size=64, noise=0.1)
    results = [augmentation(gray, gray, seed=seed)[0] for seed in range(20)]
    assert 0.08 < max(result.std() for result in results) < 0.102
    assert np.abs(np.corrcoef(results[0].reshape(-1, 5).T) - np.eye(5)).max() < 0.06


def test_each_source_has_noise_of_its_own_of_one_amount() -> None:
    """With the same noise in both, the difference of two sources would be free of it."""
    gray = np.full((64, 64, 3), 0.5, np.float32)
    augmentation = make(source=UNIT, target=UNIT, extra=[UNIT, UNIT], load_size=64, noise=0.1)
    for seed in range(5):
        source, _, *others = augmentation(gray, gray, seed=seed, extra=[gray, gray])
        noises = np.stack([each.ravel() for each in (source, *others)])
        np.testing.assert_allclose(noises.std(axis=1), noises[0].std(), rtol=0.03)
        assert np.abs(np.corrcoef(noises) - np.eye(3)).max() < 0.05


def test_photometric_results_stay_inside_the_value_range() -> None:
    side = dataclasses.replace(IMAGE, value_range=(100.0, 200.0))
    image = np.where(smooth(1) > 0.5, 101, 199).astype(np.uint8)
    augmentation = make(source=side, **PHOTOMETRIC)
    results = np.stack([augmentation(image, image, seed=seed)[0] for seed in range(20)])
    assert (results.min(), results.max()) == (100, 200)


def test_a_value_range_wider_than_the_integers_does_not_wrap_around() -> None:
    side = dataclasses.replace(IMAGE, value_range=(-200.0, 400.0))
    image = np.full((64, 64, 1), 250, np.uint8)
    augmentation = make(source=side, load_size=64, brightness=0.3)
    results = [int(augmentation(image, image, seed=seed)[0][0, 0, 0]) for seed in range(20)]
    assert max(results) == 255
    assert min(results) >= 250 - 0.3 * 600 - 1


def test_photometric_settings_that_could_change_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"augment\.brightness.*source hold labels.*both"):
        make(source=LABELS, brightness=0.1)
    with pytest.raises(ValueError, match=r"augment\.noise.*source and target hold labels"):
        make(source=LABELS, target=LABELS, noise=0.1, photometric_on="both")


def test_photometric_on_both_spares_labels_and_says_so(caplog) -> None:
    values = as_dtype(smooth(1), "uint8")
    plain, _ = make(source=LABELS, target=LABELS)(values, values, seed=0)
    for labels, sides in [("source", (LABELS, IMAGE)), ("target", (IMAGE, LABELS))]:
        with caplog.at_level(logging.WARNING):
            settings = {"photometric_on": "both", **PHOTOMETRIC}
            augmentation = make(source=sides[0], target=sides[1], **settings)
        assert f"not applied to the {labels}" in caplog.text
        results = augmentation(values, values, seed=0)
        spared, altered = results if labels == "source" else results[::-1]
        np.testing.assert_array_equal(spared, plain)
        assert (altered != plain).any()


@pytest.mark.parametrize("name", PHOTOMETRIC)
def test_photometric_changes_alter_images_among_the_extra_sources_and_no_labels(name) -> None:
    image = as_dtype(smooth(3), "uint8")
    change = {name: PHOTOMETRIC[name]}
    augmentation = make(source=LABELS, extra=[IMAGE, LABELS], **change)
    plain = make(source=LABELS, extra=[IMAGE, LABELS])
    num_changed = 0
    for seed in range(4):
        source, target, photo, labels = augmentation(image, image, seed=seed, extra=[image, image])
        before = plain(image, image, seed=seed, extra=[image, image])
        for after, number in ((source, 0), (target, 1), (labels, 3)):
            np.testing.assert_array_equal(after, before[number])
        if name != "noise":  # which is another one in each source
            alone = make(source=IMAGE, **change)(image, image, seed=seed)[0]
            np.testing.assert_array_equal(photo, alone)
        num_changed += not np.array_equal(photo, before[2])
    assert num_changed
