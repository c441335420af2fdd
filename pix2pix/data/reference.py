"""Other real targets than those of the test, with which the baseline `real_vs_real` compares them.

They are training targets. Where training pairs are stored larger than test images (`load_size`),
the stored targets cannot serve: shrinking them would be a second filter, which the targets of the
test have not passed, and sets of images that were filtered in unlike ways are apart whatever they
show. So `prepare` resizes some training targets from their files once more, as those of the test.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pix2pix.config import height_width
from pix2pix.data.arrays import Layout, open_array
from pix2pix.data.manifest import Manifest, load_manifest
from pix2pix.data.prepared import open_split, stacked

_SEED = 0  # the images are stored, so the choice cannot depend on a parameter of the evaluation


def reference_positions(manifest: Manifest) -> list[int]:
    """The positions of the chosen targets in the train split, ascending.

    They are random and distinct, and as many as there are test images, because a Frechet distance
    is larger for smaller sets. If there are fewer training pairs, all are used.
    """
    num_train, num_test = (len(manifest.splits[split].pair_ids) for split in ("train", "test"))
    chosen = np.random.default_rng(_SEED).permutation(num_train)[:num_test]
    return [int(position) for position in np.sort(chosen)]


def reference_file(directory: Path, manifest: Manifest) -> tuple[Path, Layout] | None:
    """The file of these targets; None where training pairs are stored as test images are."""
    test = manifest.scale("test")
    if manifest.scale("train") == test:
        return None
    assert test.size is not None  # the other rules store all splits alike
    num_images = len(reference_positions(manifest))
    shape = (num_images, *height_width(test.size), manifest.target.channels)
    return directory / "reference" / "target.npy", Layout(shape, manifest.target.dtype)


def reference_targets(prepared_dir: Path, *, batch_size: int) -> Iterator[np.ndarray]:
    """Yield the targets as stored values (N, H, W, C), in the order of `reference_positions`.

    Raises UserError if a file is missing or damaged.
    """
    manifest = load_manifest(prepared_dir)
    file = reference_file(prepared_dir, manifest)
    if file is None:
        train = open_split(prepared_dir, "train")
        for group in train.groups(reference_positions(manifest), batch_size):
            yield stacked(train.target, group)
        return
    targets = open_array(*file)
    for first in range(0, len(targets), batch_size):
        yield np.array(targets[first : first + batch_size])
