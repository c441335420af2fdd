import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipelines.tracking.connection import connected
from pix2pix.errors import UserError
from tests.support.raw_server import raw_server
from tests.support.s3_server import s3_server

# Both have imported all they need before the first of them opens the database.
_CONNECT = """
import sys
import mlflow.store.tracking.sqlalchemy_store
from pipelines.tracking.connection import connected
from pix2pix.errors import UserError
from tests.support.raw_server import raw_server
from tests.support.s3_server import s3_server
print("ready", flush=True)
sys.stdin.readline()
with connected(sys.argv[1]) as client:
    print(client.get_experiment("0").name)
"""


def _answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_HEALTHY = _answer("200 OK", b"OK")
_NOTHING_YET = _answer("200 OK", b"{}")


def test_a_server_that_knows_no_such_user_is_not_called_down() -> None:
    """As `mlflow server --app-name basic-auth` answers to a wrong password."""
    with raw_server() as server:
        uri = f"http://127.0.0.1:{server.port}"
        server.says(_HEALTHY, _answer("401 UNAUTHORIZED", b"You are not authenticated."))
        with (
            pytest.raises(UserError, match=r"(?s)refuses.*MLFLOW_TRACKING_PASSWORD"),
            connected(uri),
        ):
            pass


def test_a_database_without_its_driver_is_a_mistake_that_the_message_explains() -> None:
    uri = "postgresql+pg8000://me:secret@127.0.0.1:1/mlflow"
    with (
        pytest.raises(UserError, match=r"me:\*\*\*@.* needs a driver .*pg8000"),
        connected(uri),
    ):
        pass


def test_a_user_who_lacks_the_rights_is_told_so() -> None:
    with raw_server() as server:
        uri = f"http://127.0.0.1:{server.port}"
        forbidden = _answer("403 FORBIDDEN", b"Permission denied")
        server.says(_HEALTHY, _NOTHING_YET, forbidden)
        with (
            pytest.raises(UserError, match=f"(?s)MLflow at {uri} refuses.*ask whoever runs"),
            connected(uri) as client,
        ):
            client.set_registered_model_alias("model", "champion", "1")


@pytest.mark.slow  # a new database
def test_files_of_the_default_experiment_lie_beside_the_database_that_a_worker_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ray worker runs in a folder of its own, which is removed some day."""
    for folder in ("project", "worker"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "worker")
    with connected(f"sqlite:///{tmp_path}/project/mlflow.db") as client:
        location = client.get_experiment("0").artifact_location
    assert location == f"file://{tmp_path}/project/mlartifacts/0"
    assert not list((tmp_path / "worker").iterdir())


@pytest.mark.slow
def test_threads_that_open_a_new_sqlite_file_at_the_same_time_all_can_use_it(
    tmp_path: Path,
) -> None:
    """As those of a worker do that log its epochs and the metrics of its machine."""
    together = threading.Barrier(4)

    def name_of_first(_: int) -> str:
        together.wait()
        with connected(f"sqlite:///{tmp_path}/mlflow.db") as client:
            return str(client.get_experiment("0").name)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(name_of_first, range(4))) == ["Default"] * 4
    assert {path.name for path in tmp_path.iterdir()} <= {"mlflow.db", "mlartifacts"}


@pytest.mark.slow
def test_processes_that_open_a_new_sqlite_file_at_the_same_time_all_can_use_it(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", _CONNECT, f"sqlite:///{tmp_path / 'mlflow.db'}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    clients = [subprocess.Popen(command, text=True, **pipes) for _ in range(2)]
    for client in clients:
        assert client.stdout.readline() == "ready\n"
    for client in clients:
        client.stdin.write("\n")
        client.stdin.flush()
    answers = [client.communicate() for client in clients]
    assert [answer for answer, _ in answers] == ["Default\n"] * 2, answers


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_makes_the_tables_leaves_no_database(
    tmp_path: Path,
) -> None:
    """MLflow itself would leave a file with half of its tables, which it refuses for ever."""
    path = tmp_path / "mlflow.db"
    command = [sys.executable, "-c", _CONNECT, f"sqlite:///{path}"]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
        while not list(tmp_path.glob("*-journal")):  # there while SQLite writes
            assert one.poll() is None
        one.kill()
    assert not path.exists()
    with connected(f"sqlite:///{path}") as client:
        assert client.get_experiment("0").name == "Default"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("does_answer", "kind", "said"),
    [
        (True, UserError, r"(?s)object store .* refuses: .*NoSuchBucket.*Check the bucket"),
        (False, ConnectionError, "object store .* cannot be used"),
    ],
)
def test_an_upload_that_the_object_store_refuses_is_no_defect(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    does_answer: bool,
    kind: type[Exception],
    said: str,
) -> None:
    def fail(request: str) -> None:
        if not does_answer and request.endswith("note.txt"):
            raise RuntimeError("the store is out of order")

    with s3_server(fail) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        bucket = "missing-bucket" if does_answer else server.bucket
        uri = f"sqlite:///{tmp_path}/mlflow.db"
        with connected(uri) as mlflow:
            experiment = mlflow.create_experiment("x", artifact_location=f"s3://{bucket}/files")
            run_id = mlflow.create_run(experiment).info.run_id
        with pytest.raises(kind, match=said), connected(uri) as mlflow:
            mlflow.log_text(run_id, "text", "note.txt")
