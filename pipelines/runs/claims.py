"""Owning a run folder on a store without locks, among processes on any host.

An object store shows a written object to every later listing, but pyarrow cannot ask it to write an
object only if there is none. So each process writes a claim under a name of its own and then lists
the claims. A process that finds no other claim is the owner; every other process removes its claim.
If two processes do this at once, the later listing shows both claims, so at most one process finds
only its own.

The owner rewrites its claim every few seconds. The claim of a process that has ended on this
machine is removed at once, a claim of another machine if it has not changed for a minute. An owner
that was suspended for longer finds its claim removed, and `on_loss` is called. What it may have
written meanwhile does no harm: checkpoints are named by their content, and two owners of a folder
run the same training.
"""

import json
import logging
import os
import random
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import psutil

from pipelines.runs.folder import Folder

_RENEWAL_INTERVAL_S = 10.0
_STALE_S = 60.0  # several renewals may fail before another host takes the folder over
_RETRY_INTERVAL_S = 1.0
_SAME_START_S = 2.0  # the computed start time of a process moves if the clock is set

logger = logging.getLogger(__name__)


class Owner(NamedTuple):
    """The process that owns a run folder."""

    host: str
    machine: str  # identifies the running system within which the process number is unique
    pid: int
    started_s: float  # of the process

    @classmethod
    def unknown(cls) -> Self:
        """Return an owner whose claim or lock is not written completely yet."""
        return cls("", "", 0, 0.0)

    def __str__(self) -> str:
        if not self.pid:
            return "another process"
        begun = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.started_s))
        return f"process {self.pid} on {self.host}, started {begun}"

    def has_ended(self) -> bool:
        """Return whether the process has ended; always false for a process of another machine."""
        if self.machine != this_process().machine:
            return False
        try:
            process = psutil.Process(self.pid)
            is_other = abs(process.create_time() - self.started_s) > _SAME_START_S
            return is_other or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


def this_process() -> Owner:
    """Return this process as an owner."""
    process = psutil.Process()
    return Owner(socket.gethostname(), _machine(), process.pid, process.create_time())


def _machine() -> str:
    if sys.platform == "linux":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return f"{socket.gethostname()} {uuid.getnode()}"


class ClaimTimes:
    """The times at which claims of other processes last changed, by the clock of this process."""

    def __init__(self, stale_s: float = _STALE_S) -> None:
        self._stale_s = stale_s
        self._seen: dict[str, tuple[bytes, float]] = {}

    def is_abandoned(self, name: str, content: bytes, owner: Owner) -> bool:
        """Return whether the owner of a claim has ended, or has not renewed it for too long."""
        if owner.has_ended():
            return True
        before, since_s = self._seen.get(name, (None, 0.0))
        if content != before:
            self._seen[name] = (content, time.monotonic())
            return False
        return time.monotonic() - since_s > self._stale_s


@contextmanager
def claim(
    folder: Folder, claim_times: ClaimTimes, *, on_loss: Callable[[], None]
) -> Iterator[Owner | None]:
    """Own `folder` while the block runs. Yields None, or the owner if another process owns it.

    The caller keeps `claim_times` from one try to the next. If this process finds its claim
    removed, `on_loss` is called in another thread. Raises OSError.
    """
    parent, _, name = folder.path.rpartition("/")
    storage, prefix = folder._replace(path=parent), f".{name}.owner-"
    owner = _other_owner(storage, prefix, claim_times, own="")
    if owner is not None:
        yield owner
        return
    own = f"{prefix}{uuid.uuid4().hex}.json"
    storage.write(own, _content(renewal=0))
    try:
        owner = _other_owner(storage, prefix, claim_times, own=own)
        if owner is None:
            with _renewed(storage, own, on_loss=on_loss):
                yield None
    finally:
        _remove_claim(storage, own)
    if owner is not None:
        # Else two processes might always try at the same time.
        time.sleep(random.uniform(0.0, _RETRY_INTERVAL_S))
        yield owner


def _other_owner(
    storage: Folder, prefix: str, claim_times: ClaimTimes, *, own: str
) -> Owner | None:
    """Return the owner of another claim, if there is one. Abandoned claims are removed."""
    for name in storage.names():
        if not name.startswith(prefix) or name == own:
            continue
        try:
            content = storage.read(name)
        except FileNotFoundError:
            continue  # removed since it was listed
        owner = _read_owner(content)
        if not claim_times.is_abandoned(name, content, owner):
            return owner
        logger.warning("%s was left by %s, which has ended", storage / name, owner)
        storage.remove(name)
    return None


def _read_owner(content: bytes) -> Owner:
    """Return the process that wrote a claim; unknown if the claim is not written completely yet."""
    try:
        return Owner(**json.loads(content)["owner"])
    except ValueError:
        return Owner.unknown()


def _content(*, renewal: int) -> bytes:
    return json.dumps({"owner": this_process()._asdict(), "renewal": renewal}).encode()


@contextmanager
def _renewed(storage: Folder, name: str, *, on_loss: Callable[[], None]) -> Iterator[None]:
    """Rewrite a claim every few seconds while the block runs."""
    done = threading.Event()

    def renew() -> None:
        renewal = 0
        while not done.wait(_RENEWAL_INTERVAL_S):
            renewal += 1
            try:
                if not storage.has(name):
                    on_loss()
                    return
                storage.write(name, _content(renewal=renewal))
            except OSError as error:  # the next renewal may succeed
                logger.warning("%s could not be renewed: %s", storage / name, error)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()  # else it could write the claim again after its removal


def _remove_claim(storage: Folder, name: str) -> None:
    try:
        storage.remove(name)
    except OSError as error:  # nobody renews it, so other processes will remove it
        logger.warning("%s could not be removed: %s", storage / name, error)
