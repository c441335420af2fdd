"""The pictures of the sample pairs: what stands in which column and row."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from pipelines.training.sample_grids import SampleGrids
from pix2pix.config import Params
from pix2pix.data.manifest import ExtraSourceRecord, SideRecord
from pix2pix.data.masks import NO_SOURCE, VALID
from pix2pix.data.prepared import PreparedSplit
from pix2pix.images.grids import as_tile, image_grid
from tests.support.tracked_project import small_manifest

SIZE = 40
GREY = SideRecord("image", 1, "uint16", (0.0, 1000.0), "area")
DEPTH = SideRecord("image", 1, "float32", (0.0, 10.0), "area")
COLOUR = SideRecord("image", 3, "uint8", (0.0, 200.0), "area")


@pytest.mark.parametrize("has_mask", [False, True])
def test_rows_are_the_chosen_pairs_with_all_sources_the_translation_and_the_target(
    small_params: Params, has_mask: bool
) -> None:
    """Each in its own range; striped where no score counts."""
    rng = np.random.default_rng(0)
    source = rng.integers(0, 1001, (4, SIZE, SIZE, 1)).astype(np.uint16)
    depth = rng.uniform(0, 10, (4, SIZE, SIZE, 1)).astype(np.float32)
    target = rng.integers(0, 201, (4, SIZE, SIZE, 3), dtype=np.uint8)
    mask = np.full((4, SIZE, SIZE, 1), VALID, np.uint8)
    mask[:, :9] = NO_SOURCE
    dev = PreparedSplit(
        source, target, tuple("abcd"), mask=mask if has_mask else None, extra_sources=(depth,)
    )
    manifest = dataclasses.replace(
        small_manifest(small_params),
        source=GREY,
        target=COLOUR,
        extra_sources=(ExtraSourceRecord("depth", DEPTH, 1.0),),
    )
    chosen = [3, 1]
    levels = [0, 200]  # of the translations, in the values of the target
    fakes = [torch.full((3, SIZE, SIZE), level / 100 - 1) for level in levels]
    valid = mask[0, ..., 0] == VALID if has_mask else None
    rows = [
        [
            as_tile(source[row], (0.0, 1000.0), valid=valid),
            as_tile(depth[row], (0.0, 10.0), valid=valid),
            as_tile(np.full_like(target[row], level), (0.0, 200.0), valid=valid),
            as_tile(target[row], (0.0, 200.0), valid=valid),
        ]
        for row, level in zip(chosen, levels, strict=True)
    ]
    headings = ("source", "depth", "generated, published", "target")
    data = SampleGrids(dev, chosen, manifest).png(fakes, "published")
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(found, image_grid(rows, headings=headings))
