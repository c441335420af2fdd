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
from pipelines.entrypoint import can_be_mended
from pipelines.processes.signals import run_interruptibly
from pipelines.runs.claims import ClaimTimes, Owner, claim, this_process
from pipelines.runs.folder import Folder, open_folder
from pipelines.runs.owner import owned
from pix2pix.errors import UserError

HOLD = """
import sys
from pipelines.runs.owner import owned
from pipelines.runs.folder import open_folder
with owned(open_folder(sys.argv[1])):
    print("owned", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["file system with locks", "store without locks"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A run folder that does not exist yet."""
    if request.param == "file system with locks":
        return open_folder(str(tmp_path / "runs")) / "0123"
    (tmp_path / "runs").mkdir()
    return _store(tmp_path) / "0123"


def _store(tmp_path: Path) -> Folder:
    """Return a folder that pyarrow does not know as local, so that it is used like a store."""
    return Folder(SubTreeFileSystem(str(tmp_path), LocalFileSystem()), "runs")


def _elsewhere(owner: Owner) -> Owner:
    return owner._replace(host="node-b", machine="another")


def _leave_claim(tmp_path: Path, owner: Owner) -> None:
    content = json.dumps({"owner": owner._asdict(), "renewal": 0})
    (tmp_path / "runs" / ".0123.owner-left.json").write_text(content)


def test_a_second_process_gets_an_error_that_names_the_owner(
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


def test_a_waiting_process_becomes_the_owner_when_the_first_has_ended(
    folder: Folder, tmp_path: Path
) -> None:
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
def test_a_claim_that_is_not_written_completely_counts_until_it_stops_changing(
    tmp_path: Path, content: str
) -> None:
    folder = _store(tmp_path) / "0123"
    left = tmp_path / "runs" / ".0123.owner-left.json"
    left.parent.mkdir()
    left.write_text(content)
    with pytest.raises(UserError, match="in use by another process"), owned(folder, patience_s=0):
        pytest.fail("owned by two")
    assert left.exists()
    claim_times = ClaimTimes(stale_s=0.1)
    assert not claim_times.is_abandoned(left.name, content.encode(), Owner.unknown())
    time.sleep(0.2)
    with claim(folder, claim_times, on_loss=pytest.fail) as owner:
        assert owner is None
    assert not left.exists()


def test_a_folder_with_a_similar_name_can_be_owned_as_well(folder: Folder) -> None:
    with owned(folder), owned(folder._replace(path=f"{folder.path}4"), patience_s=0):
        pass


def test_after_an_error_the_folder_can_be_owned_again(folder: Folder) -> None:
    with pytest.raises(KeyError), owned(folder):
        raise KeyError
    with owned(folder, patience_s=0):
        pass


def _most_at_once(folder: Folder, num_processes: int) -> tuple[int, int]:
    """Return the largest number of owners at the same time, and the number of owners in all."""
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


def test_of_several_processes_at_once_one_at_a_time_is_the_owner(folder: Folder) -> None:
    assert _most_at_once(folder, 4) == (1, 4)


def test_of_two_claims_that_are_written_at_the_same_time_at_most_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both processes see an empty store, and both write before one of them lists the claims."""
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


@pytest.mark.parametrize("place", ["file", "file/below", "loop", "loop/below"])
def test_a_place_that_is_no_folder_is_named(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    folder = open_folder(str(tmp_path / place)) / "0123"
    stop = tmp_path / place.partition("/")[0]
    with pytest.raises((UserError, OSError)) as raised, owned(folder):
        pass
    assert can_be_mended(raised.value)
    assert str(stop) in str(raised.value)


def test_a_killed_process_owns_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "0123"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "owned\n"
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
    ended = this_process()._replace(
        started_s=this_process().started_s - 3600
    )  # it has the number of this process
    _leave_claim(tmp_path, ended)
    with owned(_store(tmp_path) / "0123", patience_s=0):
        assert not (tmp_path / "runs" / ".0123.owner-left.json").exists()


def test_a_claim_of_another_machine_counts_until_it_is_unchanged_for_long(
    tmp_path: Path,
) -> None:
    (tmp_path / "runs").mkdir()
    folder = _store(tmp_path) / "0123"
    _leave_claim(tmp_path, _elsewhere(this_process()))
    for stale_s, expected in ((60.0, "node-b"), (-1.0, None)):
        claim_times, hosts = ClaimTimes(stale_s), []
        for _ in range(2):
            with claim(folder, claim_times, on_loss=pytest.fail) as owner:
                hosts.append(None if owner is None else owner.host)
        assert hosts == ["node-b", expected]  # at the first look it may be alive


def test_a_claim_that_changes_is_that_of_a_process_which_runs() -> None:
    times, owner = ClaimTimes(stale_s=-1.0), _elsewhere(this_process())
    assert [times.is_abandoned("claim", content, owner) for content in (b"1", b"2", b"2")] == [
        False,
        False,
        True,
    ]


def test_a_claim_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.setattr("pipelines.runs.claims._RENEWAL_INTERVAL_S", 0.01)
    folder = _store(tmp_path) / "0123"
    with claim(folder, ClaimTimes(), on_loss=pytest.fail):
        (path,) = (tmp_path / "runs").iterdir()
        before = path.read_bytes()
        for _ in range(1000):
            if path.read_bytes() not in (before, b""):  # not in the middle of being written
                return
            threading.Event().wait(0.01)
        pytest.fail("it was not rewritten")


def test_an_owner_that_was_replaced_stops_as_after_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.setattr("pipelines.runs.claims._RENEWAL_INTERVAL_S", 0.01)
    asked = threading.Event()

    def work() -> str:
        for _ in range(400):  # a renewal that has already begun writes the claim once more
            for path in (tmp_path / "runs").iterdir():
                path.unlink(missing_ok=True)
            if asked.wait(0.05):
                return "saved"
        pytest.fail("it was not asked to stop")

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
    monkeypatch.setattr(pipelines.runs.owner, "_POLL_S", 0.02)
    monkeypatch.setattr("pipelines.runs.claims._RETRY_INTERVAL_S", 0.02)
