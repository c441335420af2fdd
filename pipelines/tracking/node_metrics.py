"""CPU, memory, disk, network and GPUs of a machine, logged to a training's run by MLflow itself."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.tracking.description import RunDescription
from pix2pix.errors import UserError

if TYPE_CHECKING:  # importing MLflow takes seconds: the thread does so
    from pipelines.tracking.system_monitor import SystemMonitor

_SWITCH = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"  # MLflow's own; here the metrics are on if unset
_LOOK_EVERY_S = 5.0
_CLOSE_S = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NodeMetrics:
    """The run to which the machines of a training log their metrics. It can be sent to workers."""

    uri: str
    description: RunDescription

    @contextmanager
    def logged(self, node: str | None) -> Iterator[None]:
        """Log the metrics of this machine in this context, from a thread of its own.

        Their names contain `node`, unless it is None. The thread first looks for the run after some
        seconds: it is not there yet, and importing MLflow would slow the start of the training.
        Where MLflow does not answer, the metrics of that time are lost, and the thread looks for
        the run again later. It never raises, and the end of the context waits for at most five
        seconds.
        """
        is_over = threading.Event()
        thread = threading.Thread(
            target=self._follow, args=(node, is_over), name="node metrics", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join(_CLOSE_S)

    def _follow(self, node: str | None, is_over: threading.Event) -> None:
        monitor: SystemMonitor | None = None
        while not is_over.wait(_LOOK_EVERY_S):
            if monitor is None or not monitor.is_alive():
                monitor = self._monitor(node)
        if monitor is not None:
            monitor.finish()

    def _monitor(self, node: str | None) -> "SystemMonitor | None":
        """Start to log; None if the run is not there yet, or MLflow does not answer."""
        from mlflow.exceptions import MlflowException

        from pipelines.tracking.connection import connected
        from pipelines.tracking.run_by_key import find_run
        from pipelines.tracking.system_monitor import SystemMonitor

        experiment, run_key = self.description.experiment, self.description.run_key
        try:
            with connected(self.uri) as client:
                run = find_run(client, experiment, run_key=run_key)
                if run is None or run.status() != "RUNNING":
                    return None
                monitor = SystemMonitor(
                    run.run_id, resume_logging=True, node_id=node, tracking_uri=self.uri
                )
        except (OSError, MlflowException, UserError) as error:
            logger.debug("no system metrics: %s", error)  # `LiveRun` warns of it
            return None
        monitor.start()
        return monitor


def node_metrics(uri: str, description: RunDescription) -> NodeMetrics | None:
    """The metrics of a training's machines; None if MLflow's own variable switches them off."""
    is_on = os.environ.get(_SWITCH, "true").lower() in ("true", "1")
    return NodeMetrics(uri, description) if is_on else None
