import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.tracking.connection import connected

# Both have imported all they need before the first of them opens the database.
_CONNECT = """
import sys
import mlflow.store.tracking.sqlalchemy_store
from pipelines.tracking.connection import connected
print("ready", flush=True)
sys.stdin.readline()
with connected(sys.argv[1]) as client:
    print(client.get_experiment("0").name)
"""


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
