"""A real supervisord, which starts none of the programs here."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipelines.processes.tree import is_alive
from pipelines.services import supervisord
from pipelines.services.layout import PROGRAMS, conf_path, make_folders, socket_link
from pipelines.services.site import Site, find_site
from pipelines.services.supervisord_conf import check_same, conf_text
from pix2pix.errors import UserError
from tests.support.served_project import wait_for

ODD_NAME = "it's 50% of #1 ;or more"  # characters with a meaning in the configuration
PASSWORDS = {
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://me:hidden@db/prefect",
    "MLFLOW_BACKEND_STORE_URI": "postgresql://me:hidden@db/mlflow",
}
# A program that is started by itself, and takes two seconds to end.
SLOW_TO_END = """
[program:slow]
command = sh -c 'trap "sleep 2; exit" TERM; touch ready; while :; do sleep 0.1; done'
startsecs = 0
"""


def site_in(project: Path, **environment: str) -> Site:
    project.mkdir(exist_ok=True)
    make_folders(project)
    return find_site(project, environment, running=["prefect-server", "mlflow-server"])


def start(project: Path, *, more: str = "") -> Path:
    """Start supervisord, with `more` in its configuration, without our programs; its socket."""
    socket = supervisord.new_socket_path()
    text = conf_text(site_in(project), socket=socket) + more
    conf_path(project).write_text(text)
    supervisord.start(project, socket_file=socket, environment=os.environ)
    return socket


@pytest.mark.slow
def test_it_runs_whatever_the_name_of_the_folder_and_leaves_nothing_behind(tmp_path: Path) -> None:
    project = tmp_path / ODD_NAME
    socket = start(project)
    try:
        assert supervisord.is_running(project)
        known = supervisord.control(project).getAllProcessInfo()
        assert {each["name"] for each in known} == set(PROGRAMS)
        assert {each["statename"] for each in known} == {"STOPPED"}
        assert {each["stdout_logfile"] for each in known} == {
            f".services/logs/{each['name']}.log" for each in known
        }
        assert supervisord.running_programs(project) == []
        assert (project / ".services").stat().st_mode & 0o777 == 0o700
        process = psutil.Process(supervisord.control(project).getPID())
    finally:
        supervisord.shut_down(project)
    assert not is_alive(process)
    assert not supervisord.is_running(project)
    assert not socket.parent.exists()
    assert not socket_link(project).is_symlink()


@pytest.mark.slow
def test_shutting_down_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    start(tmp_path, more=SLOW_TO_END)
    process = psutil.Process(supervisord.control(tmp_path).getPID())
    wait_for((tmp_path / "ready").exists, limit_s=30)
    supervisord.control(tmp_path).shutdown()
    assert not supervisord.is_running(tmp_path)
    assert supervisord.running_programs(tmp_path) == []
    assert is_alive(process)
    supervisord.shut_down(tmp_path)
    assert not is_alive(process)
    assert not socket_link(tmp_path).is_symlink()


def test_a_configuration_that_it_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    make_folders(tmp_path)
    conf_path(tmp_path).write_text("[supervisord]\nminfds = many\n")
    socket = supervisord.new_socket_path()
    with pytest.raises(UserError, match="'many'") as refused:
        supervisord.start(tmp_path, socket_file=socket, environment=os.environ)
    assert str(conf_path(tmp_path)) in str(refused.value)
    assert not socket.parent.exists()
    assert not socket_link(tmp_path).is_symlink()


@pytest.mark.slow
def test_what_a_killed_supervisord_has_started_is_waited_for(tmp_path: Path) -> None:
    make_folders(tmp_path)
    socket = supervisord.new_socket_path()
    socket.touch()
    socket_link(tmp_path).symlink_to(socket)
    variables = {"SUPERVISOR_SERVER_URL": f"unix://{socket}"}
    code = "print('began', flush=True); import time; time.sleep(1)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"began\n"
        assert not supervisord.is_running(tmp_path)
        supervisord.shut_down(tmp_path)
        assert not is_alive(psutil.Process(program.pid))
    assert not socket.parent.exists()
    assert not socket_link(tmp_path).is_symlink()


def test_its_configuration_holds_no_password(tmp_path: Path) -> None:
    text = conf_text(site_in(tmp_path, **PASSWORDS), socket=Path("/tmp/socket"))
    assert "postgresql+asyncpg://me:***@db/prefect" in text
    assert "postgresql://me:***@db/mlflow" in text
    assert "hidden" not in text


def test_other_variables_than_those_of_what_runs_are_named(tmp_path: Path) -> None:
    socket = Path("/tmp/50%/socket")
    running = conf_text(site_in(tmp_path), socket=socket)
    assert "file = /tmp/50%%/socket" in running
    check_same(running, conf_text(site_in(tmp_path), socket=socket))
    port = conf_text(site_in(tmp_path, MLFLOW_PORT="5001"), socket=socket)
    with pytest.raises(UserError, match=r"127\.0\.0\.1:5000.*127\.0\.0\.1:5001.*make down"):
        check_same(running, port)
    database = conf_text(site_in(tmp_path, **PASSWORDS), socket=socket)
    with pytest.raises(UserError, match=r"SQLite.*postgresql\+asyncpg://me:\*\*\*@db/prefect"):
        check_same(running, database)


def test_a_password_that_has_changed_is_named_but_not_shown(tmp_path: Path) -> None:
    """What runs would go on with the old one, and its next flow run would be refused."""
    socket = Path("/tmp/socket")
    login = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "before"}
    before = conf_text(site_in(tmp_path, **login), socket=socket)
    check_same(before, conf_text(site_in(tmp_path, **login, EDITOR="vi"), socket=socket))
    named = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000", "MLFLOW_PORT": "5000"}  # what runs
    check_same(before, conf_text(site_in(tmp_path, **login, **named), socket=socket))
    rotated = login | {"MLFLOW_TRACKING_PASSWORD": "after", "AWS_PROFILE": "team"}
    after = conf_text(site_in(tmp_path, **rotated), socket=socket)
    assert not any(secret in before + after for secret in ("before", "after", "ann"))
    names = "values of AWS_PROFILE, MLFLOW_TRACKING_PASSWORD, or without; run `make down`"
    for one, other in ((before, after), (after, before)):
        with pytest.raises(UserError, match=names):
            check_same(one, other)


def test_a_password_of_a_database_that_has_changed_is_noticed(tmp_path: Path) -> None:
    url, socket = "postgresql://me:{}@db/mlflow", Path("/tmp/socket")
    one, other = (
        conf_text(site_in(tmp_path, MLFLOW_BACKEND_STORE_URI=url.format(word)), socket=socket)
        for word in ("before", "after")
    )
    with pytest.raises(UserError, match="other values of MLFLOW_BACKEND_STORE_URI, or without"):
        check_same(one, other)
