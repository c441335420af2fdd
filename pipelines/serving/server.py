"""Start a server on Ray Serve, and end it with this process."""

import logging
import math
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from signal import SIGINT
from typing import Any

import ray
from ray import serve
from ray.serve import Application
from ray.serve.context import _get_global_client

from pipelines.cluster.address import named_cluster
from pipelines.cluster.placement import connect
from pipelines.entrypoint import InterruptionError
from pipelines.processes.port import try_port
from pipelines.registry.loaded_version import number_of
from pipelines.serving.access import check_address, token_digest
from pipelines.serving.application import application
from pipelines.serving.options import ServeOptions
from pix2pix.errors import UserError
from pix2pix.plural import counted

_APPLICATION, _ROUTE = "pix2pix", "/"
_POLL_S = 1.0
_ERROR = re.compile(r"[\w.]*(?:Error|Exception): ")  # of the last line of a traceback
_USER_ERROR = f"{UserError.__module__}.{UserError.__name__}: "

logger = logging.getLogger(__name__)


def serve_until_interrupted(options: ServeOptions, *, uri: str, host: str, port: int) -> None:
    """Serve models of the MLflow at `uri` until a signal comes.

    Raises UserError if a model does not exist or cannot be loaded, the address is taken or needs a
    token, there are too few CPUs or GPUs, or the cluster has such an application already;
    ConnectionError if MLflow or Ray does not answer.
    """
    try:
        with running(options, uri=uri, host=host, port=port):
            while True:
                time.sleep(_POLL_S)
    except KeyboardInterrupt as interrupted:  # the signals of `entrypoint.run`
        raise InterruptionError(
            "the server has ended", next(iter(interrupted.args), SIGINT), is_usual=True
        ) from None


@contextmanager
def running(options: ServeOptions, *, uri: str, host: str, port: int) -> Iterator[None]:
    """A server that answers, until the block ends. Raises as `serve_until_interrupted`."""
    digest = token_digest()
    check_address(host, digest)
    for reference in options.models:
        logger.info("%s is version %s", reference, number_of(uri, reference))
    if named_cluster() is None:  # else the port is one of the cluster's
        _check_port(host, port)
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    with ExitStack() as ends:
        connect(None)
        ends.callback(ray.shutdown)
        _check_resources(options)
        _check_serve(host, port)
        # A Ray of this process ends with it, and Serve with that. If Serve were ended before, Ray
        # would say that a task of Serve has failed, in which Serve's controller kills itself.
        if named_cluster() is not None and _serve_details() is None:
            ends.callback(_end_serve)
        serve.start(http_options={"host": host, "port": port})
        # Whoever has typed the command sees the reason at once, and can give it again.
        app = application(options, uri=uri, digest=digest, start_tries=1)
        ends.callback(serve.delete, _APPLICATION)  # requests under way are answered
        _deploy(app)
        logger.info("serving at http://%s:%d/ until Ctrl-C", host, port)
        yield


def _serve_details() -> dict[str, Any] | None:
    """What the Serve of the connected Ray tells of itself; None if it does not run there."""
    # Serve has no public function that tells where it listens and which route is whose.
    client = _get_global_client(raise_if_no_controller_running=False)
    return None if client is None else client.get_serve_details()


def _check_serve(host: str, port: int) -> None:
    """Raise UserError if Serve runs already and what others have there is in the way."""
    details = _serve_details()
    if details is None:
        return
    for name, each in details["applications"].items():
        # Serve would replace an application of this name, and refuse a second one on the route.
        if name == _APPLICATION or each["route_prefix"] == _ROUTE:
            raise UserError(
                f"Ray Serve runs the application {name!r} on this cluster already, which is in "
                "the way; end it first (docs/serving.md says how)"
            )
    options = details["http_options"]
    if (options["host"], options["port"]) != (host, port):  # Serve would ignore the address
        raise UserError(
            f"Ray Serve runs on this cluster already and listens at {options['host']}:"
            f"{options['port']}; give --host {options['host']} --port {options['port']}"
        )


def _end_serve() -> None:
    """End Serve, which this process has started, unless somebody else uses it meanwhile."""
    if serve.status().applications.keys() <= {_APPLICATION}:
        serve.shutdown()


def _deploy(app: Application) -> None:
    """Start the application and wait until each model has a replica that answers.

    Raises UserError with the reason if one cannot start.
    """
    try:
        serve.run(app, name=_APPLICATION, route_prefix=_ROUTE)
    except RuntimeError:  # which does not say why
        deployments = serve.status().applications[_APPLICATION].deployments
        reasons = [reason for each in deployments.values() if (reason := _reason(each.message))]
        if not reasons:
            raise
        raise UserError(f"the server cannot start: {'; '.join(reasons)}") from None


def _reason(message: str) -> str | None:
    """The last error of the tracebacks in the message of a deployment; None if there is none.

    The errors that a user can cause are without the name of their class.
    """
    errors = [line for line in message.splitlines() if _ERROR.match(line)]
    return errors[-1].removeprefix(_USER_ERROR).strip() if errors else None


def _check_port(host: str, port: int) -> None:
    """Raise UserError if something listens there; Ray Serve itself would try for a long time."""
    try:
        try_port(host, port)
    except OSError as error:
        raise UserError(
            f"--host {host} --port {port}: {error.strerror or error}; name another port"
        ) from None


def _check_resources(options: ServeOptions) -> None:
    """Raise UserError if Ray could never start the replicas; it would wait without end."""
    there = ray.cluster_resources()
    number = options.min_replicas * len(options.models)
    for name, each in (("CPU", options.cpus_per_replica), ("GPU", options.gpus_per_replica)):
        available = there.get(name, 0.0)
        if number * each > available:
            share = math.floor(100 * available / number) / 100
            fewer = ", or --min-replicas lower" if options.min_replicas > 1 else ""
            raise UserError(
                f"{counted(number, 'replica')} of {counted(each, name)} each cannot be placed on "
                f"the {counted(available, name)} of Ray; set --{name.lower()}s-per-replica to "
                f"{share:g} or less{fewer}"
            )
