import errno
import fcntl
import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

import pipelines.runs.owner
from pipelines.processes.signals import run_interruptibly
from pipelines.runs.claims import Owner, Sightings, claim, this_process
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.owner import owned
from pix2pix.errors import UserError

HOLD = """
import sys
from pipelines.runs.owner import owned
from pipelines.runs.folder import open_folder
with owned(open_folder(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["file system with locks", "store without locks"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A run folder that is not there yet."""
    if request.param == "file system with locks":
        return open_folder(str(tmp_path / "runs")) / "0123"
    (tmp_path / "runs").mkdir()
    return _store(tmp_path) / "0123"


def _store(tmp_path: Path) -> Folder:
    """To pyarrow no local file system: written to and listed like an object store."""
    return Folder(SubTreeFileSystem(str(tmp_path), LocalFileSystem()), "runs")


def _elsewhere(owner: Owner) -> Owner:
    return owner._replace(host="node-b", machine="another")


def _leave_claim(tmp_path: Path, owner: Owner) -> None:
    content = json.dumps({"owner": owner._asdict(), "renewal": 0})
    (tmp_path / "runs" / ".0123.owner-left.json").write_text(content)


def test_a_second_owner_is_told_who_the_first_one_is(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    me = this_process()
    with (
        owned(folder),
        pytest.raises(UserError, match=rf"0123 is in use by process {me.pid} on {me.host}"),
        owned(folder, patience_s=0.1),
    ):
        pytest.fail("owned by two")
    assert f"in use by process {me.pid} on {me.host}, started " in caplog.text
    assert "waiting up to 0 s" in caplog.text


def test_the_next_owner_follows_when_the_first_has_ended(folder: Folder, tmp_path: Path) -> None:
    done = threading.Event()
    with ExitStack() as first:
        first.enter_context(owned(folder))
        threading.Timer(0.3, done.set).start()

        def end() -> None:
            done.wait()
            first.close()

        threading.Thread(target=end).start()
        with owned(folder, patience_s=20):
            assert done.is_set()
    assert list((tmp_path / "runs").iterdir()) == []  # nothing is left lying beside the runs


@pytest.mark.parametrize("content", ["", '{"owner": {"host'])
def test_a_claim_that_is_still_being_written_counts_until_it_does_not_change(
    tmp_path: Path, content: str
) -> None:
    folder = _store(tmp_path) / "0123"
    left = tmp_path / "runs" / ".0123.owner-left.json"
    left.parent.mkdir()
    left.write_text(content)
    with pytest.raises(UserError, match="in use by another process"), owned(folder, patience_s=0):
        pytest.fail("owned by two")
    assert left.exists()
    sightings = Sightings(stale_s=0.1)
    assert not sightings.is_abandoned(left.name, content.encode(), Owner.unknown())
    time.sleep(0.2)
    with claim(folder, sightings, on_loss=pytest.fail) as found:
        assert found is None
    assert not left.exists()


def test_other_folders_are_free(folder: Folder) -> None:
    with owned(folder), owned(folder._replace(path=f"{folder.path}4"), patience_s=0):
        pass


def test_an_error_gives_the_folder_back(folder: Folder) -> None:
    with pytest.raises(KeyError), owned(folder):
        raise KeyError
    with owned(folder, patience_s=0):
        pass


def _most_at_once(folder: Folder, num_processes: int) -> tuple[int, int]:
    """How many own it at the same time, at most, and how many did in turn."""
    inside, most, turns = 0, 0, 0
    counting = threading.Lock()

    def work() -> None:
        nonlocal inside, most, turns
        with owned(folder, patience_s=60):
            with counting:
                inside, turns = inside + 1, turns + 1
                most = max(most, inside)
            threading.Event().wait(0.05)
            with counting:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(num_processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most, turns


def test_of_many_that_come_at_once_one_at_a_time_is_the_owner(folder: Folder) -> None:
    assert _most_at_once(folder, 4) == (1, 4)


def test_two_claims_that_are_written_at_the_same_moment_do_not_both_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have found the store empty, and both have written before either looks again."""
    (tmp_path / "runs").mkdir()
    write, both, num_written = Folder.write, threading.Barrier(2), 0

    def write_together(self: Folder, name: str, data: bytes) -> None:
        nonlocal num_written
        is_first = num_written < 2
        if is_first:
            both.wait(20)
        write(self, name, data)
        num_written += 1
        if is_first:
            both.wait(20)

    monkeypatch.setattr(Folder, "write", write_together)
    assert _most_at_once(_store(tmp_path) / "0123", 2) == (1, 2)
    assert num_written > 2  # neither was the owner at first


def test_a_killed_process_owns_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "0123"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(UserError, match=f"in use by process {holder.pid} on"),
        owned(open_folder(str(folder)), patience_s=0),
    ):
        pytest.fail("owned by two")
    holder.kill()
    holder.communicate()
    with owned(open_folder(str(folder)), patience_s=0):
        pass


def test_a_claim_of_an_ended_process_of_this_machine_is_removed_at_once(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    ended = this_process()._replace(started_s=this_process().started_s - 3600)  # its number is ours
    _leave_claim(tmp_path, ended)
    with owned(_store(tmp_path) / "0123", patience_s=0):
        assert not (tmp_path / "runs" / ".0123.owner-left.json").exists()


def test_a_claim_of_another_machine_counts_until_it_has_not_changed_for_long(
    tmp_path: Path,
) -> None:
    (tmp_path / "runs").mkdir()
    folder = _store(tmp_path) / "0123"
    _leave_claim(tmp_path, _elsewhere(this_process()))
    for stale_s, expected in ((60.0, "node-b"), (-1.0, None)):
        sightings, found = Sightings(stale_s), []
        for _ in range(2):
            with claim(folder, sightings, on_loss=pytest.fail) as owner:
                found.append(None if owner is None else owner.host)
        assert found == ["node-b", expected]  # at first sight it may be alive


def test_a_claim_is_renewed_and_so_stays_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.setattr("pipelines.runs.claims._RENEW_S", 0.01)
    folder = _store(tmp_path) / "0123"
    with claim(folder, Sightings(), on_loss=pytest.fail):
        (path,) = (tmp_path / "runs").iterdir()
        before = path.read_bytes()
        for _ in range(1000):
            if path.read_bytes() not in (before, b""):  # not in the middle of being written
                return
            threading.Event().wait(0.01)
        pytest.fail("it was not rewritten")


def test_an_owner_that_was_replaced_stops_as_if_asked_by_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.setattr("pipelines.runs.claims._RENEW_S", 0.01)
    asked = threading.Event()

    def work() -> str:
        for path in (tmp_path / "runs").iterdir():
            path.unlink()
        assert asked.wait(20)
        return "saved"

    with owned(_store(tmp_path) / "0123"):
        assert run_interruptibly(work, stop=asked.set) == ("saved", 15)
    assert "another process has taken over" in caplog.text


def test_a_file_system_without_locks_is_named_and_claims_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = open_folder(str(tmp_path / "runs")) / "0123"
    with (
        owned(folder),
        pytest.raises(UserError, match="in use by process"),
        owned(folder, patience_s=0),
    ):
        pytest.fail("owned by two")
    assert "this file system has no locks" in caplog.text


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.runs.owner, "_LOOK_S", 0.02)
    monkeypatch.setattr("pipelines.runs.claims._LOOK_S", 0.02)
