"""The mask of a pair: what counts, and that it moves with the pixels."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pix2pix.config import load_params
from pix2pix.data.augment import Augmentation, augment_seed
from pix2pix.data.contact_sheet import augmentation_sheet
from pix2pix.data.loader import EvalBatches, TrainBatches
from pix2pix.data.manifest import SideRecord
from pix2pix.data.masked_augment import MaskedAugmentation
from pix2pix.data.masks import NO_SOURCE, NO_TARGET, VALID, MaskedPair, divided_pair, masked_pair
from pix2pix.data.padding import reflected
from pix2pix.data.prepared import PreparedSplit
from pix2pix.images.validity import Masked

PARAMS = load_params(Path("params/default.yaml"))
OFF = dataclasses.replace(PARAMS.augment, horizontal_flip=0.0)
IMAGE = SideRecord("image", 2, "uint8", (10.0, 200.0), "area", nodata=255.0)
LABELS = SideRecord("labels", 1, "uint8", (0.0, 9.0), "nearest", num_labels=10, ignore_label=255)
CHANGES: dict[str, dict[str, Any]] = {
    "crop": {},
    "flips": {"horizontal_flip": 0.5, "vertical_flip": 0.5, "rotate_90": 0.7},
    "turned": {"rotate_deg": 40.0, "scale": 0.3, "vertical_flip": 0.5},
}
PHOTOMETRIC = {"brightness": 0.2, "contrast": 0.2, "blur_px": 2.0, "photometric_on": "both"}


def make(
    source: SideRecord, target: SideRecord, *, image_size: int = 32, **changes: Any
) -> Augmentation:
    data = dataclasses.replace(PARAMS.data, image_size=image_size, load_size=image_size)
    augment = dataclasses.replace(OFF, **changes)
    return Augmentation(augment, data, source=source, target=target)


def patches(*, height: int = 44, width: int = 40, seed: int = 0) -> np.ndarray:
    """(H, W) bool: squares of 4 px, two thirds of which are True."""
    cells = np.random.default_rng(seed).random((-(-height // 4), -(-width // 4))) < 0.67
    return cells.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]


def test_a_pixel_counts_if_both_sides_have_a_value() -> None:
    source = Masked(np.full((1, 4, 2), 90, np.uint8), np.array([[True, True, False, False]]))
    target = Masked(np.full((1, 4, 1), 7, np.uint8), np.array([[True, False, True, False]]))
    pair = masked_pair(source, target, records=(IMAGE, LABELS))
    assert pair.mask[..., 0].tolist() == [[VALID, NO_TARGET, NO_SOURCE, NO_SOURCE]]
    assert pair.source[..., 0].tolist() == [[90, 90, 10, 10]]
    assert pair.target[..., 0].tolist() == [[7, 0, 0, 0]]
    again = masked_pair(*divided_pair(pair), records=(IMAGE, LABELS))
    for part, expected in zip(again, pair, strict=True):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("is_in_source", [True, False])
def test_the_mask_moves_with_the_pixels(name: str, is_in_source: bool) -> None:
    """One side holds ids of which 1 is where the other side has a value; the mask must agree."""
    valid = patches()
    ids, other = (
        Masked(valid[..., None].astype(np.uint8)),
        Masked(np.full((44, 40, 1), 5, np.uint8)),
    )
    masked = Masked(other.pixels, valid)
    augmentation = MaskedAugmentation(make(LABELS, LABELS, **CHANGES[name]))
    images = (masked, ids) if is_in_source else (ids, masked)
    pair = masked_pair(*images, records=(LABELS, LABELS))
    shares = []
    for seed in range(12):
        changed, _ = augmentation(pair, seed=augment_seed(0, seed, "x"))
        assert changed.mask.shape == (32, 32, 1)
        counts = changed.mask == VALID
        shares.append(counts.mean())
        if is_in_source:
            # The target is filled where there is no source, with class 0.
            np.testing.assert_array_equal(changed.source == 5, counts)
            np.testing.assert_array_equal(changed.target == 1, counts)
            assert set(np.unique(changed.mask)) == {VALID, NO_SOURCE}
        else:
            np.testing.assert_array_equal(changed.source == 1, counts)
            np.testing.assert_array_equal(changed.target == 5, counts)
            assert set(np.unique(changed.mask)) == {VALID, NO_TARGET}
    assert len(set(shares)) > 1


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("photometric", [{}, PHOTOMETRIC], ids=["", "photometric"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_pixels_without_a_value_give_no_colour_to_others(
    name: str, photometric: dict[str, Any], dtype: str
) -> None:
    """Valid pixels of one colour stay of one colour, whatever is done to the image."""
    record = dataclasses.replace(IMAGE, dtype=dtype)
    images = [Masked(np.full((44, 40, 2), [120, 60], dtype), patches(seed=seed)) for seed in (0, 1)]
    pair = masked_pair(*images, records=(record, record))
    augmentation = MaskedAugmentation(make(record, record, **CHANGES[name], **photometric))
    for seed in range(6):
        changed, _ = augmentation(pair, seed=augment_seed(0, seed, "x"))
        counts = changed.mask[..., 0] == VALID
        for image in (changed.source, changed.target):
            assert (image[counts].astype(float).std(axis=0) < 0.5).all()
            assert image.dtype == dtype
        assert (changed.source[changed.mask[..., 0] == NO_SOURCE] == 10).all()
        assert (changed.target[~counts] == 10).all()
        assert set(np.unique(changed.mask)) == {VALID, NO_TARGET, NO_SOURCE}


def test_opacity_of_the_other_side_is_handled_as_ever() -> None:
    """Colours of a source with opacity are weighted by it, although its target has a mask."""
    rgba = SideRecord("image", 2, "uint8", (0.0, 255.0), "area", alpha=True)
    opaque = patches()
    pixels = np.where(opaque[..., None], [90, 255], [255, 0]).astype(np.uint8)
    target = Masked(np.full((44, 40, 2), 90, np.uint8), patches(seed=1))
    augmentation = make(rgba, IMAGE, rotate_deg=30.0, brightness=0.2)
    pair = masked_pair(Masked(pixels), target, records=(rgba, IMAGE))
    for seed in range(4):
        changed, _ = MaskedAugmentation(augmentation)(pair, seed=seed)
        plain, _ = augmentation(pair.source, pair.target, seed=seed)
        np.testing.assert_array_equal(changed.source, plain)


def test_small_images_are_reflected_with_their_mask() -> None:
    valid = patches(height=20, width=14)
    pair = masked_pair(
        Masked(np.full((20, 14, 2), 90, np.uint8)),
        Masked(np.full((20, 14, 2), 90, np.uint8), valid),
        records=(IMAGE, IMAGE),
    )
    changed, _ = MaskedAugmentation(make(IMAGE, IMAGE))(pair, seed=0)
    np.testing.assert_array_equal(changed.mask, reflected(pair.mask, 32, 32))


def make_split(*, num_pairs: int = 6) -> PreparedSplit:
    """Pairs with masks."""
    pairs = []
    for number in range(num_pairs):
        rng = np.random.default_rng(number)
        source, target = rng.integers(20, 200, (2, 36, 36, 2), dtype=np.uint8)
        valids = [patches(height=36, width=36, seed=2 * number + side) for side in (0, 1)]
        pairs.append(masked_pair(*map(Masked, (source, target), valids), records=(IMAGE, IMAGE)))
    source, target, mask = (np.stack(parts) for parts in zip(*pairs, strict=True))
    return PreparedSplit(source, target, tuple(f"pair-{n}" for n in range(num_pairs)), mask)


def test_batches_say_which_pixels_count() -> None:
    split = make_split()
    augmentation = make(IMAGE, IMAGE, rotate_deg=20.0)
    masked = MaskedAugmentation(augmentation)
    device = torch.device("cpu")
    with TrainBatches(split, augmentation, seed=3, batch_size=3, device=device) as batches:
        for batch in batches(1):
            for row, pair_id in enumerate(batch.pair_ids):
                position = split.pair_ids.index(pair_id)
                pair = MaskedPair(
                    split.source[position], split.target[position], split.mask[position]
                )
                changed, _ = masked(pair, seed=augment_seed(3, 1, pair_id))
                np.testing.assert_array_equal(batch.valid[row, 0], changed.mask[..., 0] == VALID)
                assert (batch.target[row][:, ~batch.valid[row, 0]] == -1).all()
    whole = EvalBatches(split, source=IMAGE, target=IMAGE, batch_size=4, device=device)
    valid = torch.cat([batch.valid for batch in whole])
    np.testing.assert_array_equal(valid[:, 0], split.mask[..., 0] == VALID)


def test_the_picture_of_augmented_pairs_shows_masks_as_stripes() -> None:
    split = make_split()
    sheet = augmentation_sheet(split, make(IMAGE, IMAGE), seed=3, num_pairs=1, num_epochs=1)
    is_stripe = [(sheet == colour).all(axis=2) for colour in ((214, 39, 120), (246, 163, 205))]
    seed = augment_seed(3, 0, split.pair_ids[0])
    pair = MaskedPair(split.source[0], split.target[0], split.mask[0])
    masks = [pair.mask, MaskedAugmentation(make(IMAGE, IMAGE))(pair, seed=seed)[0].mask]
    # Each mask is drawn over the source and over the target.
    assert sum(map(np.count_nonzero, is_stripe)) == 2 * sum(map(np.count_nonzero, masks))
