"""The data set on other nodes: copied from a shared folder or an object store, and verified."""

import dataclasses
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from pipelines.runs.dataset import DatasetSource, local_dataset, publish_dataset
from pipelines.runs.dataset_cache import HASHES_NAME, UNUSED_S
from pipelines.runs.folder import Folder
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from pix2pix.errors import StorageError
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.sources.synthetic import write_synthetic
from tests.support.file_size_limit import files_of_at_most
from tests.support.folders import contents
from tests.support.s3_server import S3Server, s3_server

ARRAY = "train/source.npy"


@pytest.fixture(scope="module")
def prepared_dir(small_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set on the driver's machine."""
    folder = tmp_path_factory.mktemp("driver")
    drawn = dataclasses.replace(small_params.data.synthetic, num_train=6, num_test=2, size_px=40)
    write_synthetic(folder / "raw", drawn)
    prepare_pairs(folder / "raw", folder / "prepared", small_params.data, num_workers=1)
    return folder / "prepared"


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """A folder that all nodes share."""
    return str(tmp_path / "shared")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The cache of a node, which does not exist yet."""
    return tmp_path / "cache"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with s3_server() as server:
        use(server, monkeypatch)
        yield server


def use(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


def publish(prepared_dir: Path, storage: str | None) -> DatasetSource:
    """Publish the data set. Returns what a worker gets that does not see the driver's folder."""
    source = publish_dataset(prepared_dir, load_manifest(prepared_dir), storage)
    return dataclasses.replace(source, prepared_dir=prepared_dir / "not" / "here")


def pairs_in(folder: Path) -> dict[str, bytes]:
    """Return the files by relative path, without those that only copies have."""
    held = contents(folder)
    return {
        name: held[name]
        for name in held
        if name != HASHES_NAME and not Path(name).name.startswith(".")
    }


def copy_in_storage(source: DatasetSource) -> Path:
    assert source.shared_copy is not None
    return Path(source.shared_copy.path)


def refusal(source: DatasetSource, cache: Path) -> str:
    """Return the message that the data set cannot be copied; no file of it may be left."""
    with pytest.raises(ValueError, match=f"node {os.uname().nodename}") as refused:
        local_dataset(source, cache)
    if cache.exists():
        assert [path.name for path in cache.iterdir()] == [f"{source.data_hash}.lock"]
    return str(refused.value)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_a_folder_that_the_node_sees_is_used_in_place(
    prepared_dir: Path, storage: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared_dir.parent)
    relative = Path("prepared")
    source = publish_dataset(relative, load_manifest(relative), storage)
    assert local_dataset(source, cache) == prepared_dir
    assert not cache.exists()


def test_without_a_storage_path_the_error_of_another_node_names_the_parameter_to_set(
    prepared_dir: Path, tmp_path: Path, cache: Path
) -> None:
    source = publish(prepared_dir, None)
    assert list(tmp_path.iterdir()) == []
    message = refusal(source, cache)
    assert str(source.prepared_dir) in message
    assert "Set train.storage_path" in message


@pytest.mark.parametrize("kind", ["shared folder", pytest.param("s3", marks=pytest.mark.server)])
def test_a_copied_data_set_is_the_prepared_one_and_stays(
    prepared_dir: Path, storage: str, cache: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "s3":
        storage = f"s3://{request.getfixturevalue('s3').bucket}/runs"
    source = publish(prepared_dir, storage)
    assert source.shared_copy is not None
    assert str(source.shared_copy) == f"{storage}/datasets/{source.data_hash}"
    (cache / f".{source.data_hash}.partial" / "half").mkdir(parents=True)  # of a killed process
    folder = local_dataset(source, cache)
    assert folder == cache / source.data_hash
    assert pairs_in(folder) == pairs_in(prepared_dir)
    assert {path.name for path in cache.iterdir()} == {folder.name, f"{folder.name}.lock"}

    source.shared_copy.remove_all()  # what is in the cache does not need it any more
    assert local_dataset(source, cache) == folder


def test_the_default_cache_is_in_the_user_s_cache_folder(
    prepared_dir: Path, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = publish(prepared_dir, storage)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert local_dataset(source) == tmp_path / "xdg/pix2pix/datasets" / source.data_hash
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert local_dataset(source) == tmp_path / "home/.cache/pix2pix/datasets" / source.data_hash


@pytest.mark.parametrize("content", ["another data set", "no manifest"])
def test_other_data_in_the_same_folder_is_not_used(
    prepared_dir: Path,
    storage: str,
    cache: Path,
    tmp_path: Path,
    small_params: Params,
    content: str,
) -> None:
    here = tmp_path / "here" / "prepared"
    here.mkdir(parents=True)
    if content == "another data set":
        data = dataclasses.replace(small_params.data, split_seed=1)
        prepare_pairs(prepared_dir.parent / "raw", here, data, num_workers=1)
    else:
        (here / "manifest.json").write_text("{")
    source = dataclasses.replace(publish(prepared_dir, storage), prepared_dir=here)
    folder = local_dataset(source, cache)
    assert folder == cache / source.data_hash
    assert load_manifest(folder).data_hash == source.data_hash


def truncate(array: Path) -> None:
    array.write_bytes(array.read_bytes()[:-1])


def change_a_byte_and_hide_it(array: Path) -> None:
    status, content = array.stat(), bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(bytes(content))
    os.utime(array, ns=(status.st_atime_ns, status.st_mtime_ns))


def spoil_the_list_of_hashes(array: Path) -> None:
    (array.parents[1] / HASHES_NAME).write_text("{")


@pytest.mark.parametrize(
    "damage", [truncate, change_a_byte_and_hide_it, Path.unlink, spoil_the_list_of_hashes]
)
def test_a_damaged_cache_is_copied_again_with_a_warning(
    prepared_dir: Path,
    storage: str,
    cache: Path,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = publish(prepared_dir, storage)
    folder = local_dataset(source, cache)
    assert warnings(caplog) == []
    damage(folder / ARRAY)
    assert local_dataset(source, cache) == folder
    assert pairs_in(folder) == pairs_in(prepared_dir)
    [warning] = warnings(caplog)
    named = HASHES_NAME if damage is spoil_the_list_of_hashes else ARRAY
    assert f"{folder} is damaged ({named})" in warning


def test_a_cache_that_was_only_touched_is_kept_and_read_in_full_once(
    prepared_dir: Path, storage: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = publish(prepared_dir, storage)
    folder = local_dataset(source, cache)
    shutil.rmtree(storage)
    (folder / ARRAY).touch()
    assert local_dataset(source, cache) == folder
    monkeypatch.setattr("pipelines.runs.dataset_cache.file_sha256", pytest.fail)
    assert local_dataset(source, cache) == folder


@pytest.mark.server
def test_of_two_processes_that_ask_at_once_one_copies(
    prepared_dir: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(request: str) -> None:
        if request.startswith("GET") and request.endswith(ARRAY):
            begun.set()
            go_on.wait(60)

    with s3_server(hold) as server:
        use(server, monkeypatch)
        source = publish(prepared_dir, f"s3://{server.bucket}")
        with ThreadPoolExecutor(2) as workers:
            first = workers.submit(local_dataset, source, cache)
            assert begun.wait(60)
            second = workers.submit(local_dataset, source, cache)
            time.sleep(0.5)  # without a lock, the second one would ask for the array by now
            go_on.set()
            assert first.result() == second.result() == cache / source.data_hash
        reads = [r for r in server.requests if r.startswith("GET") and r.endswith(ARRAY)]
        assert len(reads) == 1


def test_a_driver_that_was_stopped_in_the_middle_leaves_no_copy_and_the_next_completes_it(
    prepared_dir: Path, storage: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_in = Folder.copy_in

    def stop_at_the_array(self: Folder, file: Path, name: str) -> None:
        if name == ARRAY:
            raise KeyboardInterrupt
        copy_in(self, file, name)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "copy_in", stop_at_the_array)
        with pytest.raises(KeyboardInterrupt):
            publish(prepared_dir, storage)
    [half] = Path(storage, "datasets").iterdir()
    assert pairs_in(half)
    assert not (half / HASHES_NAME).exists()
    source = publish(prepared_dir, storage)
    assert pairs_in(half) == pairs_in(prepared_dir)
    assert pairs_in(local_dataset(source, cache)) == pairs_in(prepared_dir)


def test_two_drivers_can_publish_the_data_set_at_the_same_time(
    prepared_dir: Path, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one completes its copy, and a node reads it, while the first writes a file."""
    copy_file, is_inside = shutil.copyfile, False

    def copy_with_another_driver(file: Path, target: Path) -> None:
        nonlocal is_inside
        if not is_inside:
            is_inside = True
            other = publish(prepared_dir, storage)
            target.write_bytes(file.read_bytes()[:10])
            other_node = local_dataset(other, tmp_path / "other node")
            assert pairs_in(other_node) == pairs_in(prepared_dir)
        copy_file(file, target)

    monkeypatch.setattr(shutil, "copyfile", copy_with_another_driver)
    source = publish(prepared_dir, storage)
    assert is_inside
    assert pairs_in(local_dataset(source, tmp_path / "node")) == pairs_in(prepared_dir)


def test_a_data_set_is_copied_into_the_storage_once(
    prepared_dir: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(prepared_dir, storage)
    monkeypatch.setattr(Folder, "copy_in", pytest.fail)
    publish(prepared_dir, storage)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (truncate, ARRAY),
        (Path.unlink, ARRAY),
        (spoil_the_list_of_hashes, HASHES_NAME),
    ],
)
def test_a_damaged_copy_in_the_storage_is_an_error_whose_remedy_works(
    prepared_dir: Path, storage: str, cache: Path, damage: Callable[[Path], None], named: str
) -> None:
    source = publish(prepared_dir, storage)
    damage(copy_in_storage(source) / ARRAY)
    message = refusal(source, cache)
    assert f"the copy of the data set in {source.shared_copy} is damaged ({named})" in message
    assert "Delete that folder and give the same command again" in message
    shutil.rmtree(copy_in_storage(source))
    again = publish(prepared_dir, storage)
    assert pairs_in(local_dataset(again, cache)) == pairs_in(prepared_dir)


def test_a_copy_of_other_data_is_not_taken_for_this_one(
    prepared_dir: Path, storage: str, cache: Path
) -> None:
    source = publish(prepared_dir, storage)
    other = dataclasses.replace(source, data_hash="f" * 64)
    assert "is damaged (manifest.json)" in refusal(other, cache)


@pytest.mark.server
@pytest.mark.slow
def test_a_store_that_does_not_answer(
    prepared_dir: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server() as server:
        use(server, monkeypatch)
        source = publish(prepared_dir, f"s3://{server.bucket}")
    message = refusal(source, cache)
    assert f"could not copy the data set from {source.shared_copy} to {cache}" in message
    assert "Check that the node reaches the storage, has its credentials" in message


def test_a_full_disk_of_the_node_is_one_message_and_a_later_try_succeeds(
    prepared_dir: Path, storage: str, cache: Path
) -> None:
    source = publish(prepared_dir, storage)
    with files_of_at_most(5_000):
        message = refusal(source, cache)
    assert f"to {cache}: [Errno 27]" in message
    assert "Make room there" in message
    assert pairs_in(local_dataset(source, cache)) == pairs_in(prepared_dir)


def test_a_full_storage_is_one_message_and_a_later_try_succeeds(
    prepared_dir: Path, storage: str, cache: Path
) -> None:
    with (
        files_of_at_most(5_000),
        pytest.raises(StorageError, match=rf"{storage}/datasets/.*File too large\nMake room"),
    ):
        publish(prepared_dir, storage)
    source = publish(prepared_dir, storage)
    assert pairs_in(local_dataset(source, cache)) == pairs_in(prepared_dir)
    assert not list(Path(storage).rglob(".staging_*"))


def test_a_data_set_that_was_long_unused_is_removed_when_another_one_is_copied(
    prepared_dir: Path, storage: str, cache: Path
) -> None:
    for name, age_s in (("old", 1.1), ("young", 0.9), ("old but in use", 1.1)):
        (cache / name / "train").mkdir(parents=True)
        then = time.time() - age_s * UNUSED_S
        os.utime(cache / name, (then, then))
    with FileLock(cache / "old but in use.lock"):
        folder = local_dataset(publish(prepared_dir, storage), cache)
    left = {path.name for path in cache.iterdir() if path.is_dir()}
    assert left == {"young", "old but in use", folder.name}


def test_using_a_data_set_sets_the_time_of_its_last_use(
    prepared_dir: Path, storage: str, cache: Path
) -> None:
    source = publish(prepared_dir, storage)
    folder = local_dataset(source, cache)
    os.utime(folder, (0, 0))
    local_dataset(source, cache)
    assert time.time() - folder.stat().st_mtime < UNUSED_S
