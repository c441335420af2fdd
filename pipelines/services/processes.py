"""Services as processes that outlive the command which started them, and how they are found again.

A record says which process it was: its number and when it was created, since numbers are used
again. Each process also carries a token in its environment, which all that it starts inherit; so
one that came loose from its parents is still known.
"""

import dataclasses
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipelines.entrypoint import write_json
from pipelines.processes.tree import alive, descendants, heads, is_alive, send, wait
from pipelines.services.layout import log_path, record_path
from pix2pix.errors import UserError

_TOKEN = "PIX2PIX_SERVICE"
_CLOCK_STEP_S = 1.0  # psutil adds ticks to the time of boot, which moves with the clock
_KILLED_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A process to be started; `facts` are what one that runs already has to agree with."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    facts: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A process that was started."""

    name: str
    pid: int
    created_s: float
    token: str
    facts: dict[str, str]


def start(project: Path, service: Service) -> Record:
    """Start the service in a session of its own and record it; its output goes to its log."""
    log = log_path(project, service.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    token = uuid.uuid4().hex
    with log.open("wb") as output:
        process = subprocess.Popen(
            service.command,
            cwd=project,
            env={**service.environment, _TOKEN: token},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        created_s = psutil.Process(process.pid).create_time()
        record = Record(
            name=service.name,
            pid=process.pid,
            created_s=created_s,
            token=token,
            facts=service.facts,
        )
        write_json(record_path(project, service.name), dataclasses.asdict(record))
    except BaseException:
        process.kill()  # nobody would find it again
        raise
    return record


def read_record(project: Path, name: str) -> Record | None:
    """What was recorded when `name` was started last; None if it was stopped since.

    Raises UserError naming the file if it is none of ours.
    """
    path = record_path(project, name)
    if not path.exists():
        return None
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{path} is not a record of a service ({error}); end the service, remove the file"
        ) from None


def is_running(record: Record) -> bool:
    """Whether the recorded process, and not another one of that number, is alive."""
    return _leader(record) is not None


def values_in_processes(project: Path, name: str, variable: str) -> set[str]:
    """What an environment variable is in the processes of the recorded service."""
    record = read_record(project, name)
    values = {_variable(process, variable) for process in _family(record)} if record else set()
    return {value for value in values if value}


def stop(project: Path, name: str, *, grace_s: float, rest_s: float) -> bool:
    """End the recorded service and all that it started; return whether there was anything.

    The service itself is asked with SIGTERM and has `grace_s` seconds to end, and is killed then.
    What is left, by it or by one that died, is asked as well, and killed after `rest_s` more.
    """
    record = read_record(project, name)
    if record is None:
        return False
    leader, family = _leader(record), _family(record)
    if leader is not None:
        send([leader], signal.SIGTERM)
        # Prefect's worker can lose the signal; asked again it would end without its flow runs.
        send(wait([leader], grace_s), signal.SIGKILL)
        wait([leader], _KILLED_S)
    left = alive(family | _family(record))
    send(heads(left), signal.SIGTERM)
    send(wait(left, rest_s), signal.SIGKILL)
    wait(left, _KILLED_S)
    record_path(project, name).unlink()
    return bool(family)


def _leader(record: Record) -> psutil.Process | None:
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created_s) < _CLOCK_STEP_S
    except psutil.NoSuchProcess:
        return None
    return process if is_alive(process) and (same or _has_token(process, record)) else None


def _family(record: Record) -> set[psutil.Process]:
    """The service, what it started, and what came loose from that."""
    leader = _leader(record)
    related = set() if leader is None else {leader} | descendants(leader)
    tokens = {process for process in psutil.process_iter() if _has_token(process, record)}
    return {process for process in related | tokens if process.pid != os.getpid()}


def _has_token(process: psutil.Process, record: Record) -> bool:
    return _variable(process, _TOKEN) == record.token


def _variable(process: psutil.Process, name: str) -> str | None:
    try:
        return process.environ().get(name)
    except (psutil.Error, OSError):  # gone meanwhile, or of another user: none of ours
        return None
