import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from pipelines.registry.dev_sources import dev_sources
from pipelines.registry.examples import log_examples, read_examples
from pix2pix.config import ExtraSource
from pix2pix.data.masks import NO_SOURCE
from pix2pix.data.prepared import open_split
from pix2pix.images.decode import decode
from pix2pix.images.masked import masked_array
from pix2pix.inference import Translator
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.model_folders import write_model
from tests.support.registered_project import (
    MODEL,
    MODELS,
    PREPARED,
    change_card,
    put_version,
    train,
    unreachable_version,
)
from tests.support.small_sets import make_config, make_side, noise, save

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
    examples = [decode(each["source"]) for each in read_examples(client, version)]
    np.testing.assert_array_equal(np.stack(examples), own[:8])


def test_a_store_that_does_not_answer_may_answer_later(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MlflowClient(uri)
    client.create_registered_model(MODEL)
    unreachable_version(client, monkeypatch)
    experiment_id = client.create_experiment("elsewhere", artifact_location="s3://bucket/runs")
    run_id = client.create_run(experiment_id).info.run_id
    version = client.create_model_version(MODEL, "s3://bucket/version", run_id=run_id)
    with pytest.raises(ConnectionError, match="the examples of its run cannot be downloaded"):
        read_examples(client, version)


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


def test_examples_have_a_file_for_each_source_at_the_size_of_its_files(
    tmp_path: Path, uri: str
) -> None:
    """Targets are twice as large as sources, and depths half as large: examples of the size of the
    targets would not fit the model.
    """
    for index in range(6):
        image = np.random.default_rng(index).integers(0, 256, (16, 24, 3), dtype=np.uint8)
        for folder, factor in (("A", 2), ("depth", 1), ("B", 4)):
            pixels = image[..., :1] if folder == "depth" else image
            save(
                tmp_path / "raw" / folder / f"{index}.png",
                pixels.repeat(factor, 0).repeat(factor, 1),
            )
    depth = ExtraSource(name="depth", folder="depth", side=make_side(channels=1, scale=0.5))
    size = (64, 96)
    config = make_config(
        side_b=make_side(scale=2.0), extra_sources=(depth,), image_size=size, load_size=size
    )
    manifest = prepare_pairs(tmp_path / "raw", tmp_path / "data", config, num_workers=1).manifest
    write_model(
        tmp_path / "models",
        image_size=size,
        target_scale=2.0,
        source=manifest.source,
        extra_sources=manifest.extra_sources,
        generator=GeneratorConfig(source_channels=4, base_channels=4, depth=5),
        discriminator=DiscriminatorConfig(in_channels=7, base_channels=4, num_layers=2),
        data_hash=manifest.data_hash,
    )
    client = MlflowClient(uri)
    run_id = client.create_run(client.create_experiment("sources")).info.run_id
    log_examples(client, run_id, tmp_path / "models", prepared_dir=tmp_path / "data")
    client.create_registered_model("sources")
    version = client.create_model_version("sources", "models", run_id)
    examples = read_examples(client, version)
    pair_ids = manifest.splits["dev"].pair_ids
    assert len(examples) == len(pair_ids) > 0
    for example, pair_id in zip(examples, pair_ids, strict=True):
        images = {name: decode(content) for name, content in example.items()}
        for name, folder in (("source", "A"), ("depth", "depth")):
            original = (tmp_path / "raw" / folder / f"{pair_id}.png").read_bytes()
            np.testing.assert_array_equal(images[name], decode(original))
        answer = Translator.load(tmp_path / "models").translate(images)
        assert answer.shape == (64, 96, 3)
