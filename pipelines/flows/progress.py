"""A training's progress as an artifact of the flow run."""

import time
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from pipelines.processes.progress_line import share_done

_EVERY_S = 5.0


class Progress:
    """Call it with each line of a stage's output."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._artifact_id: UUID | None = None
        self._shown_s = -_EVERY_S
        self._is_shown = True  # until that fails: each attempt takes Prefect a minute

    def __call__(self, line: str) -> None:
        """Log the line; show the progress that it says."""
        get_run_logger().info("%s", line)
        share = share_done(line)
        is_due = time.monotonic() - self._shown_s >= _EVERY_S
        if share is not None and self._is_shown and (is_due or share == 1.0):
            self._shown_s = time.monotonic()
            self._show(round(100 * share, 1))

    def _show(self, percent: float) -> None:
        try:
            if self._artifact_id is None:
                made = create_progress_artifact(
                    percent, key=f"{self._stage}-progress", description=f"stage {self._stage}"
                )
                assert isinstance(made, UUID)  # a coroutine in coroutines only
                self._artifact_id = made
            else:
                update_progress_artifact(self._artifact_id, progress=percent)
        except httpx.HTTPError as error:  # a training is worth more than a bar
            self._is_shown = False
            get_run_logger().warning("progress is not shown any more: %s", error)
