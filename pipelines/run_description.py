"""What is known of a run when its training starts. Does not need MLflow: it travels to workers."""

from dataclasses import dataclass

from pipelines.lineage import Origin
from pix2pix.config import Params
from pix2pix.data.manifest import Manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class RunDescription:
    """What is known of a run when its training starts."""

    run_key: str
    started_s: float
    params: Params
    manifest: Manifest
    origin: Origin
