"""The text of supervisord's configuration file.

All paths of the project in it are relative to the project's folder, where supervisord and its
programs work: a full path may hold characters that begin a comment or a replacement.
"""

import hashlib
import os
import shlex
from itertools import zip_longest
from pathlib import Path

from pipelines import SETTINGS
from pipelines.services.addresses import Address
from pipelines.services.programs import Program, programs
from pipelines.services.site import Site, mlflow_database, prefect_database
from pipelines.tracking.uri import without_password
from pix2pix.errors import UserError

_START_S = 30  # a program that ends earlier has failed to start
_MARGIN_S = 10  # supervisord's patience beyond that of the guardian

_HEAD = """\
; Prefect: {prefect}
; MLflow: {mlflow}
; Written by `make up`. Ask what runs: supervisorctl -c .services/supervisord.conf status
{variables}
[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl = unix://{socket}

[supervisord]
logfile = .services/logs/supervisord.log
pidfile = .services/supervisord.pid
umask = {umask:03o}
"""

# A program that has run for `startsecs` is started again when it dies. One that has failed to start
# is left as it is, so that `up` can say why.
_PROGRAM = """
[program:{name}]
command = {command}
environment = {variables}
priority = {priority}
autostart = false
autorestart = true
startsecs = {start_s}
startretries = 0
stopwaitsecs = {stop_s}
stopasgroup = false
killasgroup = true
redirect_stderr = true
stdout_logfile = .services/logs/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 3
"""

# What the programs inherit, by the names of their tools, and names of a part of an address.
_INHERITED = ("AWS_", "DVC_", "MLFLOW_", "PREFECT_", "RAY_")
_OTHER_NAMES = ("MLFLOW_PORT", "PREFECT_SERVER_API_PORT", "PREFECT_API_DATABASE_CONNECTION_URL")
_VARIABLE = "; variable "


def conf_text(site: Site, *, socket: Path) -> str:
    """The configuration for the programs of `site`, without passwords.

    Two of them are equal where the same programs run with the same addresses, databases and
    variables of the tools.
    """
    head = _HEAD.format(
        prefect=_describe(site.prefect, prefect_database(site)),
        mlflow=_describe(site.mlflow, mlflow_database(site)),
        variables=_variables(site),
        socket=_literal(str(socket)),
        umask=_umask(),
    )
    return head + "".join(_section(*each) for each in enumerate(programs(site)))


def check_same(running: str, wanted: str) -> None:
    """Raise UserError naming the first difference of two configurations, if there is one."""
    remedy = "run `make down` first, or set the variables as they were"
    (old_lines, old_variables), (new_lines, new_variables) = map(_parts, (running, wanted))
    for old, new in zip_longest(old_lines, new_lines, fillvalue=""):
        if old != new:
            raise UserError(
                f"what runs was started with `{old.lstrip('; ')}`, and now `{new.lstrip('; ')}` is "
                f"asked for; {remedy}"
            )
    if changed := sorted({line.split()[2] for line in old_variables ^ new_variables}):
        raise UserError(
            f"what runs was started with other values of {', '.join(changed)}, or without; {remedy}"
        )


def _parts(text: str) -> tuple[list[str], set[str]]:
    """The lines of a configuration, and apart from them those about variables."""
    lines = text.splitlines()
    variables = {line for line in lines if line.startswith(_VARIABLE)}
    return [line for line in lines if line not in variables], variables


def _variables(site: Site) -> str:
    """A line for each variable of the tools, which shows that it has changed, not what it is.

    Of a password, 16 bits of a hash are too few to find it by.
    """
    inherited = {
        name: value
        for name, value in site.environment.items()
        if name.startswith(_INHERITED) and name not in SETTINGS  # those are set by this project
    }
    return "".join(
        f"{_VARIABLE}{name} {hashlib.sha256(value.encode()).hexdigest()[:4]}\n"
        for name, value in sorted((inherited | _addresses(site)).items())
        if name not in _OTHER_NAMES
    )


def _addresses(site: Site) -> dict[str, str]:
    """The addresses that are in force, with their passwords, whatever variables name them."""
    return {
        "PREFECT_API_URL": site.prefect.url,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefect_database(site),
        "MLFLOW_TRACKING_URI": site.mlflow.url,
        "MLFLOW_BACKEND_STORE_URI": mlflow_database(site),
    }


def _describe(server: Address, database: str) -> str:
    url = without_password(server.url)
    return url if server.is_elsewhere else f"{url}, database {without_password(database)}"


def _section(priority: int, program: Program) -> str:
    """The section of a program. Programs with a higher priority are stopped first."""
    variables = ",".join(f'{name}="{value}"' for name, value in program.variables.items())
    return _PROGRAM.format(
        name=program.name,
        command=_literal(shlex.join(_guarded(program))),
        variables=_literal(variables),
        priority=priority,
        start_s=_START_S,
        stop_s=2 * program.grace_s + program.linger_s + _MARGIN_S,
    )


def _guarded(program: Program) -> tuple[str, ...]:
    """The command below a guardian, which ends all that the program has started.

    Flow runs have sessions of their own, where supervisord would not find them. They are asked to
    end before their worker, which would kill them before they could report that. A program also
    ends when supervisord is killed, because this closes the guardian's standard input.
    """
    python, *arguments = program.command
    options = ("--grace-s", str(program.grace_s), "--linger-s", str(program.linger_s))
    guardian = ("-m", "pipelines.processes.guardian", "--ask-command", *options)
    return (python, *guardian, python, *arguments)


def _literal(text: str) -> str:
    """Text in which supervisord shall replace nothing."""
    return text.replace("%", "%%")


def _umask() -> int:
    """The umask of this process, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
