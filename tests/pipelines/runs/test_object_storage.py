"""Checkpoints in an object store that sometimes answers with status 500."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray.train

from pipelines.runs.checkpoints import checkpoints, newest_checkpoint, prune, write_checkpoint
from pipelines.runs.dataset import DatasetSource, publish_dataset
from pipelines.runs.folder import Folder, open_folder
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from pix2pix.training_checkpoint import save_training
from tests.support.shared_ray import Undisturbed
from tests.support.small_training import (
    assert_same,
    checkpoints_of,
    last_state,
    run,
    steady,
)
from tests.support.troubled_store import TroubledStore

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(autouse=True)
def variables(store: TroubledStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variables by which this process reaches the store."""
    for name, value in store.server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def location(store: TroubledStore) -> Iterator[str]:
    """A folder of the bucket for this test alone."""
    yield store.new_folder()
    store.trouble.end()


def _write(folder: Folder, step: int) -> None:
    file = folder.stage() / "training.pt"
    save_training(file, {"step": step})
    write_checkpoint(folder, file, step=step, epoch=step)


def test_a_folder_of_an_object_store_behaves_like_any_other(
    store: TroubledStore, location: str
) -> None:
    server = store.server
    folder = open_folder(location)
    assert folder.names() == []
    for step in (1, 2, 3, 4):
        _write(folder, step)
    prune(folder, {1: 0.1, 2: 0.2}, keep_best=1)
    assert [name.step for name in checkpoints(folder)] == [4, 3, 1]
    key = f"{location.partition(server.bucket)[2].strip('/')}/{checkpoints(folder)[0]}"
    body = server.client.get_object(Bucket=server.bucket, Key=key)["Body"].read()
    server.client.put_object(Bucket=server.bucket, Key=key, Body=body[: len(body) // 2])
    newest = newest_checkpoint(folder)
    assert newest is not None
    assert newest[1]["step"] == 3
    assert str(folder) == location
    (folder / "a").write("run.json", b"{}")
    assert (folder / "a").read("run.json") == b"{}"
    folder.remove_all()
    assert not folder.names()


def test_a_store_that_is_not_there_is_an_error_with_its_name(
    location: str,
) -> None:
    with pytest.raises(OSError, match="no-such-bucket"):
        open_folder("s3://no-such-bucket/folder").write("run.json", b"{}")


@pytest.mark.ray
def test_a_store_that_fails_for_good_fails_the_run_and_the_earlier_checkpoints_go_on(
    alone: Undisturbed,
    training: Params,
    pairs: DatasetSource,
    location: str,
    store: TroubledStore,
    tmp_path: Path,
) -> None:
    """They go on with the data in the store, as on another node, and answers of 500 in between."""
    store.trouble.from_step = 6
    store.trouble.answer_500 = 10**6
    with pytest.raises(ray.train.TrainingFailedError) as caught:
        run(training, pairs, location)
    assert store.trouble.met
    message = str(caught.value)
    assert "could not be written" in message
    assert "Make room or repair the storage" in message
    store.trouble.end()
    names = checkpoints(checkpoints_of(training, pairs, location))
    assert [name.step for name in names] == [4, 2]

    manifest = load_manifest(pairs.prepared_dir)
    published = publish_dataset(pairs.prepared_dir, manifest, location)
    elsewhere = dataclasses.replace(published, prepared_dir=tmp_path / "not here")
    store.trouble.answer_500 = 2
    again = run(training, elsewhere, location)
    assert len(store.trouble.met) == 2
    reads = [request for request in store.server.requests if request.startswith("GET")]
    assert sum(request.endswith("/train/source.npy") for request in reads) == 1
    assert [*map(steady, again.history)] == [*map(steady, alone.trained.history)]
    assert_same(last_state(training, pairs, location), alone.state)
    assert sorted(again.samples) == [0, 3]
    names = checkpoints(checkpoints_of(training, pairs, location))
    assert len(names) in (2, 3)  # the latest two, and the best
