"""A PostgreSQL server of the test's own, on loopback."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.mlflow_process import closed_port

USER, PASSWORD = "me", "p@ss/w%rd:1"  # each of these has to be written differently in a URL
QUOTED_PASSWORD = "p%40ss%2Fw%25rd%3A1"


def programs() -> Path:
    """The folder of PostgreSQL's programs. Skips the test where there is none."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not folders:
        pytest.skip("PostgreSQL's programs (initdb, pg_ctl) are not installed")
    return folders[0]


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Serve an empty cluster in `folder`; gives its URL, for a superuser with a password."""
    bin_dir, port = programs(), closed_port()
    data, secret, log = folder / "data", folder / "secret", folder / "log"
    data.mkdir(parents=True)
    secret.write_text(PASSWORD)
    _hand_over(folder)
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
    _run(bin_dir / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}")
    _run(bin_dir / "pg_ctl", "-D", data, "-o", options, "-l", log, "-w", "start")
    try:
        yield f"postgresql://{USER}:{QUOTED_PASSWORD}@127.0.0.1:{port}"
    finally:
        _run(bin_dir / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _hand_over(folder: Path) -> None:
    """To the user that the programs run as: they refuse root."""
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)


def _run(*command: object) -> None:
    as_nobody = ["runuser", "-u", "nobody", "--"] if os.getuid() == 0 else []
    # Not a pipe: the server would hold it open, and the wait for its end would never return.
    done = subprocess.run(
        [*as_nobody, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**os.environ, "LC_ALL": "C"},
    )
    assert done.returncode == 0, command
