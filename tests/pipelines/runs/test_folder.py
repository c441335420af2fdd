"""The errors of a folder in an object store: named, and tried again only where that may help."""

import errno
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import boto3
import pytest
from pyarrow.fs import LocalFileSystem

from pipelines.entrypoint import can_be_mended, may_pass
from pipelines.runs.folder import Folder, _named, open_folder
from pipelines.runs.owner import owned
from pix2pix.errors import StorageError
from tests.support.mlflow_process import closed_port
from tests.support.s3_server import S3Server, s3_server
from tests.support.tls_server import write_certificate
from tests.support.waiting import until

PLACE = Folder(LocalFileSystem(), "bucket/run")


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 7", True),
        ("AWS Error SLOW_DOWN during PutObject operation", True),
        ("AWS Error NO_SUCH_BUCKET during CreateMultipartUpload operation", False),
        ("AWS Error ACCESS_DENIED during HeadObject operation: No response body.", False),
        ("AWS Error INVALID_ACCESS_KEY_ID during ListObjectsV2 operation", False),
    ],
)
def test_an_error_of_a_store_names_the_place_and_says_whether_it_may_pass(
    said: str, passes: bool
) -> None:
    with pytest.raises(StorageError, match="check bucket, credentials") as caught, _named(PLACE):
        raise OSError(said)
    assert str(caught.value).startswith(f"bucket/run: {said}")
    assert can_be_mended(caught.value)
    assert may_pass(caught.value) == passes


@pytest.mark.parametrize(
    "said",
    [
        "AWS Error UNKNOWN (HTTP status 400) during HeadObject operation: Unable to parse "
        "ExceptionName: ExpiredToken Message: The provided token has expired.",
        "AWS Error REQUEST_EXPIRED during ListObjectsV2 operation: Request has expired",
        "AWS Error UNKNOWN (HTTP status 400) during PutObject operation: Unable to parse "
        "ExceptionName: RequestExpired Message: Request has expired",
        "AWS Error REQUEST_TIME_TOO_SKEWED during ListObjectsV2 operation: The difference between "
        "the request time and the current time is too large.",
    ],
)
def test_expired_credentials_do_not_pass_and_the_remedy_is_said(said: str) -> None:
    with (
        pytest.raises(StorageError, match=r"expired.* new credentials .* all nodes") as caught,
        _named(PLACE),
    ):
        raise OSError(said)
    assert can_be_mended(caught.value)
    assert not may_pass(caught.value)


def test_an_error_of_a_disk_and_a_missing_file_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_folder(str(tmp_path)).read("missing")
    error = OSError(errno.ENOSPC, "no room", "x")
    with pytest.raises(OSError, match="no room") as caught, _named(PLACE):
        raise error
    assert caught.value is error


def test_a_file_that_a_full_disk_refuses_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # no name, as Python says it

    monkeypatch.setattr(Path, "write_bytes", refuse)
    folder = Folder(LocalFileSystem(), str(tmp_path / "run"))
    said = f"^{tmp_path}/run/run.json cannot be written: No space left .*; make room on its disk"
    with pytest.raises(StorageError, match=said) as caught:
        folder.write("run.json", b"{}")
    assert may_pass(caught.value)
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.server
@pytest.mark.slow
def test_a_wrong_bucket_and_a_store_that_does_not_answer_are_no_defects(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(StorageError, match=r"NO_SUCH_BUCKET.*check bucket") as wrong,
        owned(open_folder("s3://no-such-bucket/run")),
    ):
        pytest.fail("it is not owned")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with (
            pytest.raises(StorageError, match=r"^s3://bucket: .*NETWORK_CONNECTION") as silent,
            owned(open_folder("s3://bucket/run")),
        ):
            pytest.fail("it is not owned")
    assert (may_pass(wrong.value), may_pass(silent.value)) == (False, True)


@pytest.mark.server
@pytest.mark.slow
def test_an_interrupted_upload_leaves_a_whole_object_or_none(
    signals_heard: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal arrives while a part that is not the last is on its way."""
    file, num_bytes = tmp_path / "file", 100 * 2**20
    file.write_bytes(bytes(num_bytes))
    interruptions = iter([signal.SIGINT])

    def interrupt(request: str) -> None:
        if request.startswith("PUT") and next(interruptions, None):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

    with s3_server(interrupt) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(KeyboardInterrupt):
            open_folder(f"s3://{server.bucket}/run").adopt(file, "copy")
        assert server.keys() in ({}, {"run/copy": num_bytes})


@pytest.fixture
def tls_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The certificate of an S3 server that has signed it itself; its bucket is `pairs`."""
    pem, port = write_certificate(tmp_path / "store.pem"), closed_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(
        [*command, "-s", "-c", str(pem), "-k", str(pem)], stderr=subprocess.DEVNULL
    ) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            monkeypatch.setenv(name, "us-east-1")
        monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
        until(partial(_is_open, port))
        boto3.client("s3", verify=str(pem)).create_bucket(Bucket="pairs")
        yield pem
        server.terminate()


def _is_open(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.server
@pytest.mark.slow
def test_a_store_is_trusted_by_the_variable_that_dvc_and_mlflow_read(
    tls_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageError, match=r"certificate.*; let AWS_CA_BUNDLE name a file"):
        open_folder("s3://pairs/runs").names()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tls_store))
    folder = open_folder("s3://pairs/runs?scheme=https")
    folder.write("state", b"1")
    sent = pickle.loads(pickle.dumps(folder))  # as workers get it, with the path of the file
    assert (str(sent), sent.names(), sent.read("state")) == ("s3://pairs/runs", ["state"], b"1")
