"""A dataset on another node: real DVC, a folder and an S3 server as its remotes."""

import dataclasses
import json
import logging
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.repository.node_dataset import DatasetSource, dataset_source, local_dataset
from pix2pix.config import Params
from pix2pix.data.manifest import load_manifest
from pix2pix.data.prepared import open_split
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.sources.synthetic import write_synthetic
from tests.support.s3_server import S3Server, s3_server

pytestmark = pytest.mark.slow  # DVC takes a second to start, and starts some times in each

ROOT = Path(__file__).parents[3]
ARRAY = "train/source.npy"
DVC_YAML = "stages: {prepare: {cmd: 'true', outs: [data/prepared]}}"
ASK = """
import pickle, sys, pathlib
from pipelines.repository.node_dataset import local_dataset
source = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
print("asking", flush=True)
print(local_dataset(source, pathlib.Path(sys.argv[2])), flush=True)
"""


@pytest.fixture(autouse=True, scope="module")
def _nobody_s_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE"):
            patch.setenv(f"DVC_{name}_DIR", str(tmp_path_factory.mktemp(name)))
        yield


@pytest.fixture(scope="module")
def pushed_once(small_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """project: data/prepared in dvc.lock; remote: where it was pushed; cache: as a node has it."""
    folder = tmp_path_factory.mktemp("pushed")
    project = folder / "project"
    (folder / "remote").mkdir()
    data = small_params.data
    drawn = dataclasses.replace(data.synthetic, num_train=6, num_test=2, size_px=40)
    write_synthetic(project / "raw", drawn)
    prepare_pairs(project / "raw", project / "data" / "prepared", data, num_workers=1)
    (project / "dvc.yaml").write_text(DVC_YAML)
    dvc(project, "init", "--no-scm")
    dvc(project, "commit", "--force")
    set_remote(project, "../../remote")
    dvc(project, "push")
    local_dataset(seen_elsewhere(project), folder / "cache")
    return folder


@pytest.fixture
def project(pushed_once: Path, tmp_path: Path) -> Path:
    """A copy, with the copy of its remote beside it."""
    for name in ("project", "remote"):
        shutil.copytree(pushed_once / name, tmp_path / name)
    return tmp_path / "project"


@pytest.fixture
def cache(pushed_once: Path, tmp_path: Path) -> Path:
    """The cache of a node that has pulled the dataset."""
    return shutil.copytree(pushed_once / "cache", tmp_path / "full_cache")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def dvc(project: Path, *command: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *command, "--quiet"], cwd=project, check=True)


def set_remote(project: Path, url: str) -> None:
    (project / ".dvc" / "config").write_text(
        f"[core]\nno_scm = true\nremote = store\n['remote \"store\"']\nurl = {url}\n"
    )


def upload(project: Path, server: S3Server) -> None:
    """Make the bucket the project's remote, with what the folder beside it holds."""
    set_remote(project, f"s3://{server.bucket}")
    remote = project.parent / "remote"
    for name, content in contents(remote).items():
        server.client.put_object(Bucket=server.bucket, Key=name, Body=content)


def seen_elsewhere(project: Path) -> DatasetSource:
    """As a worker gets it that does not see the project's folder."""
    prepared_dir = project / "data" / "prepared"
    source = dataset_source(project, prepared_dir, load_manifest(prepared_dir))
    return dataclasses.replace(source, prepared_dir=project / "not" / "here")


def contents(folder: Path) -> dict[str, bytes]:
    """Files by relative path, without hidden ones."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def object_path(project: Path, name: str) -> str:
    """Where a remote holds a file of the prepared folder; "" is the list of its files."""
    md5 = seen_elsewhere(project).md5
    assert md5 is not None
    listing = project / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    if name:
        md5 = {item["relpath"]: item["md5"] for item in json.loads(listing.read_text())}[name]
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def refusal(source: DatasetSource, cache: Path) -> str:
    """The message that the dataset cannot be had; nothing may be left of it."""
    with pytest.raises(ValueError, match=f"node {os.uname().nodename}") as refused:
        local_dataset(source, cache)
    left = [path.name for path in cache.iterdir()]
    assert left == [f"{source.data_hash}.lock"]
    return str(refused.value)


def test_a_folder_that_the_node_sees_is_used_in_place(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    prepared_dir = Path("data/prepared")
    source = dataset_source(Path(), prepared_dir, load_manifest(prepared_dir))
    assert local_dataset(source, tmp_path / "cache") == project / "data" / "prepared"
    assert not (tmp_path / "cache").exists()


def test_a_source_says_what_dvc_holds_and_where(project: Path) -> None:
    source = seen_elsewhere(project)
    assert source.md5 is not None
    assert f"md5: {source.md5}\n" in (project / "dvc.lock").read_text()
    assert source.md5.endswith(".dir")
    assert source.remote is not None
    assert source.remote.settings == {"url": str(project.parent / "remote")}


def test_a_pulled_dataset_is_the_prepared_one_and_stays(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    source = seen_elsewhere(project)
    cache = tmp_path / "cache"
    (cache / f"{source.data_hash}.killed.partial" / "some").mkdir(parents=True)
    folder = local_dataset(source, cache)
    assert folder == cache / source.data_hash
    assert contents(folder) == contents(project / "data" / "prepared")
    assert len(open_split(folder, "train")) == 5

    assert {path.name for path in cache.iterdir()} == {folder.name, f"{folder.name}.lock"}
    assert not (tmp_path / "site").exists()
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    shutil.rmtree(tmp_path / "remote")
    assert local_dataset(source, cache) == folder
    no_remote = dataclasses.replace(source, md5=None, remote=None)
    assert local_dataset(no_remote, cache) == folder


def test_the_cache_is_the_user_s_unless_said(
    project: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = seen_elsewhere(project)
    in_xdg, in_home = (tmp_path / name / "pix2pix/datasets" for name in ("xdg", "home/.cache"))
    shutil.copytree(cache, in_xdg)
    shutil.copytree(cache, in_home)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert local_dataset(source) == in_xdg / source.data_hash
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert local_dataset(source) == in_home / source.data_hash


@pytest.mark.parametrize("content", ["another dataset", "no manifest"])
def test_something_else_in_the_same_place_is_not_used(
    project: Path, tmp_path: Path, small_params: Params, content: str
) -> None:
    source = seen_elsewhere(project)
    source.prepared_dir.mkdir(parents=True)
    if content == "another dataset":
        data = dataclasses.replace(small_params.data, split_seed=1)
        prepare_pairs(project / "raw", source.prepared_dir, data, num_workers=1)
    else:
        (source.prepared_dir / "manifest.json").write_text("{")
    folder = local_dataset(source, tmp_path / "cache")
    assert folder == tmp_path / "cache" / source.data_hash
    assert load_manifest(folder).data_hash == source.data_hash


def truncate(array: Path) -> None:
    overwrite(array, array.read_bytes()[:-1])


def change_a_byte_and_hide_it(array: Path) -> None:
    status, content = array.stat(), bytearray(array.read_bytes())
    content[-1] ^= 1
    overwrite(array, bytes(content))
    array.chmod(status.st_mode)
    os.utime(array, ns=(status.st_atime_ns, status.st_mtime_ns))


def forget_the_record(array: Path) -> None:
    (array.parents[1] / ".pulled.json").unlink()


@pytest.mark.parametrize(
    "damage", [truncate, change_a_byte_and_hide_it, Path.unlink, forget_the_record]
)
def test_a_damaged_cache_is_pulled_anew_with_a_warning(
    project: Path, cache: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    source = seen_elsewhere(project)
    folder = cache / source.data_hash
    assert local_dataset(source, cache) == folder
    assert warnings(caplog) == []
    damage(folder / ARRAY)
    assert local_dataset(source, cache) == folder
    assert contents(folder) == contents(project / "data" / "prepared")
    [warning] = warnings(caplog)
    named = ".pulled.json" if damage is forget_the_record else ARRAY
    assert f"{folder} is damaged ({named})" in warning


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_a_cache_that_only_looks_different_is_kept(
    project: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(project.parent / "remote")
    source = seen_elsewhere(project)
    record = cache / source.data_hash / ".pulled.json"
    before = record.read_text()
    assert local_dataset(source, cache) == record.parent  # a copy: every file is another one
    assert warnings(caplog) == []
    assert record.read_text() != before  # so that the files are read in full only once


@pytest.mark.server
def test_two_processes_at_once_pull_once(project: Path, tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(request: str) -> None:
        if request.endswith(wanted):
            begun.set()
            go_on.wait(60)

    wanted = f"GET /BUCKET/{object_path(project, ARRAY)}"
    with s3_server(hold) as server:
        upload(project, server)
        wanted = wanted.replace("BUCKET", server.bucket)
        asking = [_ask(project, tmp_path, server)]
        assert begun.wait(60)
        asking.append(_ask(project, tmp_path, server))
        with pytest.raises(subprocess.TimeoutExpired):
            asking[1].wait(4)  # longer than a pull takes until its first array
        go_on.set()
        answers = {process.communicate(timeout=60)[0] for process in asking}
        folder = tmp_path / "cache" / seen_elsewhere(project).data_hash
        assert answers == {f"{folder}\n"}
        assert server.requests.count(wanted) == 1


def _ask(project: Path, tmp_path: Path, server: S3Server) -> subprocess.Popen[str]:
    """A worker of another node, once it asks for the dataset."""
    given = tmp_path / "source.pickle"
    given.write_bytes(pickle.dumps(seen_elsewhere(project)))
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, str(given), str(tmp_path / "cache")],
        cwd=ROOT,
        env=os.environ | server.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "asking\n"
    return process


@pytest.mark.server
def test_after_a_kill_in_the_middle_the_next_one_succeeds(project: Path, tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold_the_first(request: str) -> None:
        if request.startswith("GET") and request.endswith(array) and not begun.is_set():
            begun.set()
            go_on.wait(60)

    array = object_path(project, ARRAY)
    with s3_server(hold_the_first) as server:
        upload(project, server)
        source = seen_elsewhere(project)
        with _ask(project, tmp_path, server) as killed:
            try:
                assert begun.wait(60)
                killed.kill()  # as Ray does: the DVC that it started lives on
                killed.wait()
                names = {path.name for path in (tmp_path / "cache").iterdir()}
                assert len(names) == 2
                assert source.data_hash not in names
                answer, _ = _ask(project, tmp_path, server).communicate(timeout=60)
            finally:
                with suppress(ProcessLookupError):  # on a slow machine it is through by then
                    os.killpg(killed.pid, signal.SIGKILL)
                go_on.set()
    folder = tmp_path / "cache" / source.data_hash
    assert answer == f"{folder}\n"
    assert contents(folder) == contents(project / "data" / "prepared")


@pytest.mark.parametrize("name", [ARRAY, ""])
def test_damage_in_the_remote_is_found_and_mended_as_the_message_says(
    project: Path, tmp_path: Path, name: str
) -> None:
    remote, cache = tmp_path / "remote", tmp_path / "cache"
    path = remote / object_path(project, name)
    if name == "":  # to DVC, a folder without that array
        listed = [item for item in json.loads(path.read_bytes()) if item["relpath"] != ARRAY]
        overwrite(path, json.dumps(listed).encode())
    else:
        truncate(path)
    source = seen_elsewhere(project)
    said = refusal(source, cache)
    assert f"holds a damaged copy of {name or 'the list of files'}" in said
    assert str(remote) in said
    for object_ in re.findall(r"files/md5/[0-9a-f]{2}/[0-9a-f]{30}(?:\.dir)?", said):
        (remote / object_).unlink()
    dvc(project, "push")
    folder = local_dataset(source, cache)
    assert contents(folder) == contents(project / "data" / "prepared")


@pytest.mark.server
def test_a_truncated_object_in_s3_is_found(project: Path, tmp_path: Path, s3: S3Server) -> None:
    upload(project, s3)
    s3.client.put_object(Bucket=s3.bucket, Key=object_path(project, ARRAY), Body=b"short")
    said = refusal(seen_elsewhere(project), tmp_path / "cache")
    assert f"holds a damaged copy of {ARRAY}" in said
    assert f"(s3://{s3.bucket})" in said


def test_a_dataset_that_was_not_pushed(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "remote")
    (tmp_path / "remote").mkdir()
    said = refusal(seen_elsewhere(project), tmp_path / "cache")
    assert f"({tmp_path / 'remote'}) does not hold the dataset" in said
    assert "run `dvc push`" in said


@pytest.mark.server
def test_a_dataset_that_was_pushed_in_part(project: Path, tmp_path: Path, s3: S3Server) -> None:
    upload(project, s3)
    s3.client.delete_object(Bucket=s3.bucket, Key=object_path(project, ARRAY))
    said = refusal(seen_elsewhere(project), tmp_path / "cache")
    assert "The specified key does not exist" in said
    assert f"remove {object_path(project, '')} from it and run `dvc push`" in said
    s3.client.delete_object(Bucket=s3.bucket, Key=object_path(project, ""))
    dvc(project, "push")
    local_dataset(seen_elsewhere(project), tmp_path / "cache")


@pytest.mark.server
def test_a_remote_that_does_not_answer(project: Path, tmp_path: Path) -> None:
    with s3_server() as server:
        set_remote(project, f"s3://{server.bucket}/dvc\nendpointurl = {server.endpoint_url}")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        said = refusal(seen_elsewhere(project), tmp_path / "cache")
    assert f"(s3://{server.bucket}/dvc) failed: failed to connect" in said
    assert server.endpoint_url in said
    assert "Check that this node reaches it and has its credentials" in said


def test_a_remote_in_a_folder_of_another_machine(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "remote")
    said = refusal(seen_elsewhere(project), tmp_path / "cache")
    assert f"({tmp_path / 'remote'}) is a folder that node" in said
    assert "does not see" in said


@pytest.mark.parametrize(
    ("file", "lacking", "remedy"),
    [
        (".dvc/config", "no default DVC remote is configured", "dvc remote add --default"),
        ("dvc.lock", "dvc.lock does not name it", "dvc repro prepare"),
    ],
)
def test_without_remote_or_lock_it_says_which(
    project: Path, tmp_path: Path, file: str, lacking: str, remedy: str
) -> None:
    (project / file).unlink()
    source = seen_elsewhere(project)
    said = refusal(source, tmp_path / "cache")
    assert lacking in said
    assert remedy in said
    assert str(source.prepared_dir) in said


def test_a_lock_of_other_data_is_named(project: Path, tmp_path: Path) -> None:
    source = dataclasses.replace(seen_elsewhere(project), data_hash="f" * 64)
    said = refusal(source, tmp_path / "cache")
    assert "dvc.lock names another dataset" in said
