import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from pipelines.registry.dev_sources import dev_sources
from pipelines.registry.examples import log_examples, read_examples
from pix2pix.data.masks import NO_SOURCE
from pix2pix.data.prepared import open_split
from pix2pix.images.decode import decode
from pix2pix.images.masked import masked_array
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.registered_project import MODELS, PREPARED, change_card, put_version, train
from tests.support.small_sets import make_config, make_side, noise, save
from tests.support.tracked_project import write_model

pytestmark = pytest.mark.slow


def test_the_examples_of_a_version_are_the_first_dev_sources(workspace: Path, uri: str) -> None:
    train(1)
    client = MlflowClient(uri)
    version = client.get_model_version(put_version(client).model, "1")
    assert read_examples(client, version) == ()
    change_card(data_hash="e" * 64)  # of a model of other data, nothing is known
    log_examples(client, version.run_id, MODELS, prepared_dir=PREPARED)
    assert read_examples(client, version) == ()
    train(1)
    log_examples(client, version.run_id, MODELS, prepared_dir=PREPARED)
    own = open_split(PREPARED, "dev").source
    examples = [decode(each) for each in read_examples(client, version)]
    np.testing.assert_array_equal(np.stack(examples), own[:8])


@pytest.mark.parametrize("nodata", ["nan", -5.0])
def test_examples_mark_pixels_without_a_value_as_files_do(nodata: Any, tmp_path: Path) -> None:
    """Read like a file, an example gives the stored pixels and their mask again."""
    for index in range(6):
        source = noise(index, 1, dtype="float32")
        source[10:20] = float(nodata)
        save(tmp_path / "raw" / "A" / f"{index}.npy", source)
        save(tmp_path / "raw" / "B" / f"{index}.npy", noise(100 + index, 1, dtype="float32"))
    side = make_side(channels=1, value_range=(0.0, 1.0), nodata=nodata)
    config = make_config(side_a=side, side_b=make_side(channels=1, value_range=(0.0, 1.0)))
    manifest = prepare_pairs(tmp_path / "raw", tmp_path / "data", config, num_workers=1).manifest
    card = dataclasses.replace(
        write_model(tmp_path / "models"),
        image_size=manifest.image_size,
        source=manifest.source,
        data_hash=manifest.data_hash,
    )
    stored = open_split(tmp_path / "data", "dev")
    assert stored.mask is not None
    examples = dev_sources(card, tmp_path / "data", limit=8)
    assert len(examples) == len(stored)
    for index, example in enumerate(examples):
        pixels, valid = masked_array(example["source"], card.source)
        np.testing.assert_array_equal(pixels, stored.source[index])
        np.testing.assert_array_equal(valid, stored.mask[index][..., 0] != NO_SOURCE)
        assert not valid.all()
