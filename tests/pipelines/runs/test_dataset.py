"""The data set on other nodes: published, copied, shared and removed."""

import dataclasses
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from pipelines.runs.dataset import local_dataset, publish_dataset
from pipelines.runs.dataset_cache import HASHES_NAME, UNUSED_S
from pipelines.runs.folder import Folder
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from pix2pix.preparation.prepare import prepare_pairs
from tests.support.dataset_copies import ARRAY, pairs_in, publish, refusal, use
from tests.support.s3_server import s3_server


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
