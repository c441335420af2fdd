import dataclasses
import hashlib
import logging
import pickle
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pix2pix.config import load_params
from pix2pix.data.augment import augment_seed, make_augmentation
from pix2pix.data.manifest import SideRecord

PARAMS = load_params(Path("params/default.yaml"))
OFF = dataclasses.replace(PARAMS.augment, horizontal_flip=0.0)
IMAGE = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")
UNIT = SideRecord("image", 3, "float32", (0.0, 1.0), "area")
LABELS = SideRecord("labels", 3, "uint8", (0.0, 255.0), "nearest")
GEOMETRIC = {
    "crop": {},
    "horizontal_flip": {"horizontal_flip": 0.5},
    "vertical_flip": {"vertical_flip": 0.5},
    "rotate_90": {"rotate_90": 1.0},
    "rotate_deg": {"rotate_deg": 40.0},
    "scale": {"scale": 0.4},
}
GEOMETRIC["all"] = {name: value for each in GEOMETRIC.values() for name, value in each.items()}
PHOTOMETRIC = {"brightness": 0.3, "contrast": 0.4, "noise": 0.1, "blur_px": 2.0}
geometric = pytest.mark.parametrize("changes", GEOMETRIC.values(), ids=GEOMETRIC.keys())
photometric = pytest.mark.parametrize("name", PHOTOMETRIC)


def make(*, source=IMAGE, target=IMAGE, extra=(), load_size=80, image_size=64, **changes):
    data = dataclasses.replace(PARAMS.data, load_size=load_size, image_size=image_size)
    augment = dataclasses.replace(OFF, **changes)
    return make_augmentation(augment, data, source=source, target=target, extra=extra)


def smooth(channels, *, size=80, seed=0):
    """(size, size, channels) float32 in [0, 1], without any symmetry."""
    noise = np.random.default_rng(seed).random((size, size, channels), dtype=np.float32)
    blurred = np.stack([cv2.GaussianBlur(plane, (0, 0), 4) for plane in np.moveaxis(noise, -1, 0)])
    stretched = (blurred - blurred.min()) / (blurred.max() - blurred.min())
    return np.moveaxis(stretched, 0, -1)


def as_dtype(unit, dtype):
    scale = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    return (unit * scale).astype(dtype)


@geometric
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_source_and_target_get_the_same_geometry(changes, dtype, channels) -> None:
    image = as_dtype(smooth(1), dtype)
    augmentation = make(**changes)
    results = []
    for seed in range(6):
        source, target = augmentation(image, image.repeat(channels, axis=-1), seed=seed)
        assert source.shape == (64, 64, 1)
        assert source.dtype == target.dtype == dtype
        np.testing.assert_array_equal(target, source.repeat(channels, axis=-1))
        results.append(source.tobytes())
    assert len(set(results)) > 1


@geometric
@pytest.mark.parametrize("labels_first", [True, False])
def test_labels_and_image_stay_congruent_within_a_pixel(changes, labels_first) -> None:
    mask = (smooth(1) > 0.5).astype(np.uint8)
    pair = [(mask, LABELS), (mask * 200, IMAGE)][:: 1 if labels_first else -1]
    (first, first_side), (second, second_side) = pair
    augmentation = make(source=first_side, target=second_side, **changes)
    for seed in range(6):
        results = augmentation(first, second, seed=seed)
        labels, image = results if labels_first else results[::-1]
        edge = cv2.dilate(labels, np.ones((3, 3))) != cv2.erode(labels, np.ones((3, 3)))
        differs = (image[..., 0] > 100) != (labels[..., 0] > 0)
        assert not (differs & ~edge).any()


@geometric
@pytest.mark.parametrize("other", [IMAGE, LABELS])
def test_labels_never_gain_values(changes, other) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (5, 3), dtype=np.uint8)
    labels = colours[(smooth(1)[..., 0] * 4.99).astype(int)]
    augmentation = make(source=LABELS, target=other, **changes)
    for seed in range(6):
        source, _ = augmentation(labels, labels, seed=seed)
        assert {tuple(c) for c in source.reshape(-1, 3)} <= {tuple(c) for c in colours}


def test_free_rotation_and_zoom_are_similarities_within_their_limits() -> None:
    """The linear part of output -> input coordinates is a turn by <= 20 degrees over 1 +- 0.2."""
    y, x = np.mgrid[:80, :80].astype(np.float32)
    coordinates = np.stack([x, y, x], axis=-1)
    augmentation = make(source=UNIT, target=UNIT, rotate_deg=20.0, scale=0.2)
    angles, zooms = [], []
    for seed in range(200):
        mapped, _ = augmentation(coordinates, coordinates, seed=seed)
        along = (mapped[32, 33] - mapped[32, 32])[:2].astype(float)
        across = (mapped[33, 32] - mapped[32, 32])[:2].astype(float)
        assert along[0] == pytest.approx(across[1], abs=1e-4)
        assert along[1] == pytest.approx(-across[0], abs=1e-4)
        angles.append(np.degrees(np.arctan2(along[1], along[0])))
        zooms.append(1 / np.hypot(*along))
    assert 0.4 < np.mean(np.abs(angles) < 10) < 0.6
    assert -20.01 < min(angles) < -17
    assert 17 < max(angles) < 20.01
    assert 0.799 < min(zooms) < 0.82
    assert 1.18 < max(zooms) < 1.201


def test_a_flip_of_probability_1_mirrors_the_columns() -> None:
    image = as_dtype(smooth(3, size=64), "uint8")
    source, target = make(load_size=64, horizontal_flip=1.0)(image, image[::-1], seed=0)
    np.testing.assert_array_equal(source, image[:, ::-1])
    np.testing.assert_array_equal(target, image[::-1, ::-1])


def test_every_crop_offset_and_flip_occurs_in_every_combination() -> None:
    """Transforms seeded alike would flip both ways or not at all, according to the crop."""
    image = np.arange(34 * 34, dtype=np.uint16).reshape(34, 34, 1)
    augmentation = make(load_size=34, image_size=32, horizontal_flip=0.5, vertical_flip=0.5)
    corners = [
        augmentation(image, image, seed=seed)[0][::31, ::31].tobytes() for seed in range(600)
    ]
    assert len(set(corners)) == 3 * 3 * 2 * 2


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


def test_a_result_depends_on_nothing_but_its_seed() -> None:
    image = as_dtype(smooth(3), "uint8")
    augmentation = make(**GEOMETRIC["all"], **PHOTOMETRIC)
    seeds = [augment_seed(0, epoch, name) for epoch in range(3) for name in "abc"]
    forward = {seed: augmentation(image, image, seed=seed) for seed in seeds}
    copy = pickle.loads(pickle.dumps(augmentation))
    backward = {seed: copy(image, image, seed=seed) for seed in reversed(seeds)}
    for seed in seeds:
        np.testing.assert_array_equal(forward[seed], backward[seed])
    assert len({forward[seed][0].tobytes() for seed in seeds}) == len(seeds)


def test_global_random_states_neither_matter_nor_change() -> None:
    image = as_dtype(smooth(3), "uint8")
    augmentation = make(**GEOMETRIC["all"], **PHOTOMETRIC)
    results = []
    for global_seed in (1, 2):
        random.seed(global_seed)
        np.random.seed(global_seed)
        torch.manual_seed(global_seed)
        cv2.setRNGSeed(global_seed)
        before = (random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state())
        results.append(augmentation(image, image, seed=5))
        assert random.getstate() == before[0]
        assert np.random.get_state()[1].tobytes() == before[1]
        assert torch.equal(torch.get_rng_state(), before[2])
    np.testing.assert_array_equal(results[0], results[1])


def test_the_inputs_are_left_as_they_were() -> None:
    image = as_dtype(smooth(3), "uint8")
    image.setflags(write=False)
    augmentation = make(photometric_on="both", **GEOMETRIC["all"], **PHOTOMETRIC)
    source, target = augmentation(image, image, seed=0)
    assert not np.shares_memory(source, image)
    np.testing.assert_array_equal(image, as_dtype(smooth(3), "uint8"))
    assert target.shape == (64, 64, 3)


def test_the_seed_is_the_head_of_a_digest_of_seed_epoch_and_id() -> None:
    digest = hashlib.sha256(b"7/3/train/12").hexdigest()
    assert augment_seed(7, 3, "train/12") == int(digest[:16], 16)
    assert len({augment_seed(s, e, i) for s in (0, 1) for e in (0, 1) for i in "ab"}) == 8


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


@geometric
@pytest.mark.parametrize("source", [IMAGE, LABELS])
def test_extra_sources_get_the_geometry_of_the_source(changes, source) -> None:
    """Each with the interpolation of its own kind."""
    image = as_dtype(smooth(3), "uint8")
    augmentation = make(source=source, extra=[IMAGE, LABELS, UNIT], **changes)
    alone = {kind: make(source=kind, **changes) for kind in (IMAGE, LABELS)}
    for seed in range(6):
        _, _, *extra = augmentation(
            image, image, seed=seed, extra=[image, image, image.astype(np.float32) / 255]
        )
        for changed, kind in zip(extra, (IMAGE, LABELS), strict=False):
            np.testing.assert_array_equal(changed, alone[kind](image, image, seed=seed)[0])
        np.testing.assert_allclose(extra[2] * 255, extra[0], atol=0.51)


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
        alone = make(source=IMAGE, **change)(image, image, seed=seed)[0]
        np.testing.assert_array_equal(photo, alone)
        num_changed += not np.array_equal(photo, before[2])
    assert num_changed
