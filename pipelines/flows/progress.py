"""A training's progress as an artifact of the flow run."""

import time
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from pipelines.runs.progress_line import share_done

_EVERY_S = 5.0


class Progress:
    """A callable for each line of a stage's output: logs it, and updates a progress artifact."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._artifact_id: UUID | None = None
        self._updated_s = -_EVERY_S
        self._is_enabled = True  # False after a failure, since each attempt takes Prefect a minute

    def __call__(self, line: str) -> None:
        """Log the line; update the artifact if the line states a progress."""
        get_run_logger().info("%s", line)
        share = share_done(line)
        is_due = time.monotonic() - self._updated_s >= _EVERY_S
        if share is not None and self._is_enabled and (is_due or share == 1.0):
            self._updated_s = time.monotonic()
            self._show(round(100 * share, 1))

    def _show(self, percent: float) -> None:
        try:
            if self._artifact_id is None:
                made = create_progress_artifact(
                    percent, key=f"{self._stage}-progress", description=f"stage {self._stage}"
                )
                assert isinstance(made, UUID)  # a coroutine only if called from a coroutine
                self._artifact_id = made
            else:
                update_progress_artifact(self._artifact_id, progress=percent)
        except httpx.HTTPError as error:  # a progress bar must not stop the training
            self._is_enabled = False
            get_run_logger().warning("progress is not shown any more: %s", error)
