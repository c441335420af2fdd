"""What a person chooses about a server: options of `pix2pix serve`, or `args` of a RayService."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.serving import defaults


class ServeOptions(BaseModel):
    """Models, replicas and limits of a server; replicas and queues are those of each model."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    min_replicas: Annotated[int, Field(ge=1)] = defaults.MIN_REPLICAS
    max_replicas: Annotated[int, Field(ge=1)] = defaults.MAX_REPLICAS
    cpus_per_replica: Annotated[float, Field(gt=0)] = defaults.CPUS_PER_REPLICA
    gpus_per_replica: Annotated[float, Field(ge=0)] = defaults.GPUS_PER_REPLICA
    max_batch_size: Annotated[int, Field(ge=1)] = defaults.MAX_BATCH_SIZE
    batch_wait_ms: Annotated[float, Field(ge=0)] = defaults.BATCH_WAIT_MS
    max_queued: Annotated[int, Field(ge=1)] = defaults.MAX_QUEUED
    max_body_mib: Annotated[float, Field(gt=0)] = defaults.MAX_BODY_MIB
    # Pillow refuses images of more pixels.
    max_megapixels: Annotated[float, Field(gt=0, le=178)] = defaults.MAX_MEGAPIXELS
    max_memory_gib: Annotated[float | None, Field(ge=0.1)] = None
    look_s: Annotated[float, Field(ge=0.1)] = defaults.LOOK_S

    @model_validator(mode="after")
    def _check_replicas(self) -> "ServeOptions":
        if self.max_replicas < self.min_replicas:
            raise ValueError(
                f"max_replicas is {self.max_replicas}, fewer than min_replicas {self.min_replicas}"
            )
        if len(set(self.models)) < len(self.models):
            raise ValueError(f"models names one twice: {', '.join(self.models)}")
        return self

    @property
    def max_body_bytes(self) -> int:
        """The longest body of a request that is read."""
        return round(self.max_body_mib * 2**20)

    @property
    def max_pixels(self) -> int:
        """The largest image that is decoded."""
        return round(self.max_megapixels * 1e6)
