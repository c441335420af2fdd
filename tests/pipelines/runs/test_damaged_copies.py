"""Copies of the data set that are damaged, other, or have no room."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.runs.dataset import local_dataset
from pipelines.runs.dataset_cache import HASHES_NAME
from pix2pix.errors import StorageError
from tests.support.dataset_copies import (
    ARRAY,
    copy_in_storage,
    pairs_in,
    publish,
    refusal,
    use,
    warnings,
)
from tests.support.file_size_limit import files_of_at_most
from tests.support.s3_server import s3_server


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
    monkeypatch.setattr("pipelines.runs.dataset_cache.sha256_of_file", pytest.fail)
    assert local_dataset(source, cache) == folder


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
