"""MLflow's monitor of a machine, which says whether it still logs."""

import logging

from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

# It tells of its beginning and end, and warns when MLflow does not answer, as `LiveRun` does.
logging.getLogger("mlflow.system_metrics").setLevel(logging.ERROR)


class SystemMonitor(SystemMetricsMonitor):
    """Logs every ten seconds, until the run ends or MLflow does not answer."""

    def is_alive(self) -> bool:
        """Whether it still logs."""
        return self._process is not None and self._process.is_alive()
