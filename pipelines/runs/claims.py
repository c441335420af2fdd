"""Owning a run folder on a store without locks, among processes on any host.

An object store shows a written object to every later listing, but pyarrow cannot ask it to write
only if nothing is there. So each process writes a claim under a name of its own and then lists the
claims: who finds no other claim is the owner, everybody else takes his claim back. Of two claims
the later listing sees both, so two processes cannot both find themselves alone.

The owner rewrites its claim every few seconds. A claim of a process that has ended on this machine
is removed at once, one of another machine when it has not changed for a minute. An owner that was
suspended for longer finds its claim gone and is told. What it may have written meanwhile does no
harm: checkpoints are named by their content, and two owners of a folder run the same training.
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

_RENEW_S = 10.0
_STALE_S = 60.0  # several renewals may fail before another host takes the folder over
_LOOK_S = 1.0
_SAME_START_S = 2.0  # a start time is computed from the clock, which may be set

logger = logging.getLogger(__name__)


class Owner(NamedTuple):
    """The process that has a run folder."""

    host: str
    machine: str  # a running system and its process numbers: what they are unique in
    pid: int
    started_s: float  # of the process

    @classmethod
    def unknown(cls) -> Self:
        """One that has not said yet who it is."""
        return cls("", "", 0, 0.0)

    def __str__(self) -> str:
        if not self.pid:
            return "another process"
        begun = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.started_s))
        return f"process {self.pid} on {self.host}, started {begun}"

    def has_ended(self) -> bool:
        """Whether the process is known to be gone; never of one on another machine."""
        if self.machine != this_process().machine:
            return False
        try:
            process = psutil.Process(self.pid)
            is_other = abs(process.create_time() - self.started_s) > _SAME_START_S
            return is_other or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


def this_process() -> Owner:
    """This process as an owner."""
    process = psutil.Process()
    return Owner(socket.gethostname(), _machine(), process.pid, process.create_time())


def _machine() -> str:
    if sys.platform == "linux":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return f"{socket.gethostname()} {uuid.getnode()}"


class Sightings:
    """When each claim of others was last seen to change, by this process's own clock."""

    def __init__(self, stale_s: float = _STALE_S) -> None:
        self._stale_s = stale_s
        self._seen: dict[str, tuple[bytes, float]] = {}

    def is_abandoned(self, name: str, content: bytes, owner: Owner) -> bool:
        """Whether nobody stands behind a claim any more."""
        if owner.has_ended():
            return True
        before, since_s = self._seen.get(name, (None, 0.0))
        if content != before:
            self._seen[name] = (content, time.monotonic())
            return False
        return time.monotonic() - since_s > self._stale_s


@contextmanager
def claim(
    folder: Folder, sightings: Sightings, *, on_loss: Callable[[], None]
) -> Iterator[Owner | None]:
    """Own `folder` while the block runs, if nobody does: gives None then, and its owner otherwise.

    `sightings` is kept from one try to the next. `on_loss` is called, in another thread, if this
    process finds its claim removed. Raises OSError.
    """
    parent, _, name = folder.path.rpartition("/")
    storage, prefix = folder._replace(path=parent), f".{name}.owner-"
    found = _other_owner(storage, prefix, sightings, own="")
    if found is not None:
        yield found
        return
    own = f"{prefix}{uuid.uuid4().hex}.json"
    storage.write(own, _content(renewal=0))
    try:
        found = _other_owner(storage, prefix, sightings, own=own)
        if found is None:
            with _renewed(storage, own, on_loss=on_loss):
                yield None
    finally:
        _take_back(storage, own)
    if found is not None:
        time.sleep(random.uniform(0.0, _LOOK_S))  # or two would meet again and again
        yield found


def _other_owner(storage: Folder, prefix: str, sightings: Sightings, *, own: str) -> Owner | None:
    """The owner of another claim that is not abandoned; those that are, are removed."""
    for name in storage.names():
        if not name.startswith(prefix) or name == own:
            continue
        try:
            content = storage.read(name)
        except FileNotFoundError:
            continue  # taken back since it was listed
        owner = _owner_in(content)
        if not sightings.is_abandoned(name, content, owner):
            return owner
        logger.warning("%s was left by %s, which has ended", storage / name, owner)
        storage.remove(name)
    return None


def _owner_in(content: bytes) -> Owner:
    """Who wrote a claim; unknown where the store shows a claim before all of it is written."""
    try:
        return Owner(**json.loads(content)["owner"])
    except ValueError:
        return Owner.unknown()


def _content(*, renewal: int) -> bytes:
    return json.dumps({"owner": this_process()._asdict(), "renewal": renewal}).encode()


@contextmanager
def _renewed(storage: Folder, name: str, *, on_loss: Callable[[], None]) -> Iterator[None]:
    """Rewrite a claim now and then while the block runs."""
    done = threading.Event()

    def renew() -> None:
        renewal = 0
        while not done.wait(_RENEW_S):
            renewal += 1
            try:
                if not storage.has(name):
                    on_loss()
                    return
                storage.write(name, _content(renewal=renewal))
            except OSError as error:  # the next time may do; the training itself will notice more
                logger.warning("%s could not be renewed: %s", storage / name, error)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()  # what it wrote later would outlive the claim


def _take_back(storage: Folder, name: str) -> None:
    try:
        storage.remove(name)
    except OSError as error:  # nobody renews it, so others will see that it is abandoned
        logger.warning("%s could not be removed: %s", storage / name, error)
