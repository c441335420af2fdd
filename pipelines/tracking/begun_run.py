"""Describe a training or a study that has begun."""

import dataclasses
from pathlib import Path

from pipelines.repository.dvc_project import remote_address
from pipelines.repository.origin import Origin
from pipelines.repository.presets import preset_mappings
from pipelines.runs.state import RunningState
from pipelines.tracking.description import RunDescription, data_record
from pipelines.tracking.run_name import run_name
from pipelines.tracking.user import current_user
from pix2pix.config import Params
from pix2pix.data.manifest import Manifest


def begun_run(
    params: Params,
    manifest: Manifest,
    state: RunningState,
    *,
    origin: Origin,
    parent: str | None,
) -> RunDescription:
    """What is known of the run: `origin` is the code that it began with, `parent` a reference.

    Its user is the one of this process: on a cluster, the workers may have another.
    """
    mapping = dataclasses.asdict(params)
    return RunDescription(
        run_key=state.run_key,
        name=run_name(mapping, preset_mappings()),
        started_s=state.started_s,
        experiment=params.register.experiment,
        params=mapping,
        data=data_record(manifest, name=params.data.name, remote=remote_address(Path())),
        origin=origin,
        user=current_user(),
        parent=parent,
    )
