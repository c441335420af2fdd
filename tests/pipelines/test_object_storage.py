"""Checkpoints in an object store that at times answers 500, or not at all."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import ray
import ray.train

from pipelines.checkpoints import checkpoints, newest_checkpoint, prune, write_checkpoint
from pipelines.node_dataset import DatasetSource
from pipelines.storage import Folder, open_folder
from pix2pix.checkpoint import save_training
from pix2pix.config import Params
from tests.pipelines.local_ray import local_ray
from tests.pipelines.s3_server import S3Server, s3_server
from tests.pipelines.small_training import (
    assert_same,
    begin,
    checkpoints_of,
    run,
    small_dataset,
    small_training,
    steady,
)

pytestmark = [pytest.mark.server, pytest.mark.slow]


@dataclass
class Trouble:
    """What the server does to requests that write a checkpoint."""

    answer_500: int = 0  # to so many of them
    hold_s: float = 0.0  # before each answer
    from_step: int = 0
    met: list[str] = field(default_factory=list)

    def __call__(self, request: str) -> None:
        verb, _, key = request.partition(" ")
        if verb not in ("PUT", "POST") or ".pt" not in key:
            return
        if int(key.rpartition("step_")[2][:9]) < self.from_step:
            return
        if self.hold_s:
            self.met.append(request)
            time.sleep(self.hold_s)
        if self.answer_500 > 0:
            self.answer_500 -= 1
            self.met.append(request)
            raise RuntimeError("out of order")

    def end(self) -> None:
        self.answer_500, self.hold_s, self.met = 0, 0.0, []


@pytest.fixture(scope="module")
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture(scope="module")
def server(trouble: Trouble) -> Iterator[S3Server]:
    with s3_server(trouble) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def location(server: S3Server, trouble: Trouble) -> Iterator[str]:
    """A folder of the bucket for this test alone."""
    yield f"s3://{server.bucket}/{uuid.uuid4().hex}"
    trouble.end()


def _write(folder: Folder, step: int) -> None:
    file = folder.stage() / "training.pt"
    save_training(file, {"step": step})
    write_checkpoint(folder, file, step=step, epoch=step)


def test_a_folder_of_an_object_store_behaves_like_any_other(
    server: S3Server, location: str
) -> None:
    folder = open_folder(location)
    assert folder.names() == []
    for step in (1, 2, 3, 4):
        _write(folder, step)
    prune(folder, {1: 0.1, 2: 0.2}, keep_best=1)
    assert [name.step for name in checkpoints(folder)] == [4, 3, 1]
    key = f"{location.partition(server.bucket)[2].strip('/')}/{checkpoints(folder)[0]}"
    body = server.client().get_object(Bucket=server.bucket, Key=key)["Body"].read()
    server.client().put_object(Bucket=server.bucket, Key=key, Body=body[: len(body) // 2])
    newest = newest_checkpoint(folder)
    assert newest is not None
    assert newest[1]["step"] == 3
    assert str(folder) == location
    (folder / "a").write("run.json", b"{}")
    assert (folder / "a").read("run.json") == b"{}"
    folder.remove_all()
    assert not folder.names()


def test_a_store_that_is_not_there_is_an_error_with_its_name(
    server: S3Server, location: str
) -> None:
    with pytest.raises(OSError, match="no-such-bucket"):
        open_folder("s3://no-such-bucket/folder").write("run.json", b"{}")


@pytest.fixture(scope="module")
def cluster(server: S3Server) -> Iterator[None]:
    """One CPU; its workers know the server."""
    with local_ray(num_cpus=1, RAY_TRAIN_HEALTH_CHECK_INTERVAL_S="0.2"):
        yield


@pytest.fixture(scope="module")
def params(small_params: Params) -> Params:
    return small_training(small_params)


@pytest.fixture(scope="module")
def dataset(params: Params, tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    return small_dataset(params, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def expected(
    cluster: None, params: Params, dataset: DatasetSource, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, object]:
    """The last state with local checkpoints."""
    storage = tmp_path_factory.mktemp("local")
    run(params, dataset, storage)
    return _last(params, dataset, str(storage))


def _last(params: Params, dataset: DatasetSource, storage: str) -> dict[str, object]:
    newest = newest_checkpoint(checkpoints_of(params, dataset, storage))
    assert newest is not None
    return newest[1]


@pytest.mark.ray
def test_it_trains_with_its_checkpoints_in_the_store_and_answers_of_500_in_between(
    expected: dict[str, object],
    params: Params,
    dataset: DatasetSource,
    location: str,
    trouble: Trouble,
) -> None:
    trouble.answer_500 = 2
    trained = run(params, dataset, location)
    assert len(trouble.met) == 2
    assert_same(_last(params, dataset, location), expected)
    assert sorted(trained.samples) == [0, 3]
    run_folder = begin(params, dataset, location).folder
    assert len(checkpoints(run_folder / "checkpoints")) in (2, 3)  # the latest two, and the best


@pytest.mark.ray
@pytest.mark.parametrize("kind", ["answers 500", "does not answer"])
def test_a_store_that_fails_for_good_fails_the_run_and_the_earlier_checkpoints_go_on(
    kind: str,
    expected: dict[str, object],
    params: Params,
    dataset: DatasetSource,
    location: str,
    trouble: Trouble,
) -> None:
    trouble.from_step = 6
    if kind == "answers 500":
        trouble.answer_500 = 10**6
    else:
        trouble.hold_s = 20.0
    with pytest.raises(ray.train.TrainingFailedError) as caught:
        run(params, dataset, location)
    assert trouble.met
    said = str(caught.value)
    assert "could not be written" in said
    assert "Make room or mend the storage" in said
    trouble.end()
    found = checkpoints(checkpoints_of(params, dataset, location))
    assert [name.step for name in found] == [4, 2]
    again = run(params, dataset, location)
    assert [*map(steady, again.history)] == [
        *map(steady, expected["history"])  # type: ignore[call-overload]
    ]
    assert_same(_last(params, dataset, location), expected)
