"""Random changes of pairs: their geometry, and that they follow from the seed alone."""

import hashlib
import pickle
import random
from dataclasses import fields

import cv2
import numpy as np
import pytest
import torch

from pix2pix.config import AugmentConfig
from pix2pix.data.augment import augment_seed
from pix2pix.errors import UserError
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

geometric = pytest.mark.parametrize("changes", GEOMETRIC.values(), ids=GEOMETRIC.keys())


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


@pytest.mark.parametrize(
    "setting", [each.name for each in fields(AugmentConfig) if each.name != "photometric_on"]
)
def test_each_setting_moves_pixels_or_is_refused_where_there_are_only_labels(setting: str) -> None:
    """A setting that changes values would do nothing to labels, and nobody would notice."""
    labels = np.random.default_rng(0).integers(0, 2, (64, 64, 1), dtype=np.uint8)
    change = {setting: GEOMETRIC.get(setting, {}).get(setting, 0.5)}
    if setting in PHOTOMETRIC:
        with pytest.raises(UserError, match=f"augment.{setting} would change nothing"):
            make(source=LABELS, target=LABELS, **change)
        return
    augmentation = make(source=LABELS, target=LABELS, **change)
    changed = (augmentation(labels, labels, seed=seed)[0] for seed in range(20))
    assert any((each != labels).any() for each in changed)
