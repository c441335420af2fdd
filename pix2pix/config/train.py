"""Training: what is computed, what is kept of it, and where it runs."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from pix2pix.config.strict import STRICT

_Count = Annotated[int, Field(ge=1)]


def _workers(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """One reason in place of one per form that the value might have had."""
    try:
        return handler(tuple(value) if isinstance(value, list) else value)
    except ValidationError:
        raise ValueError("must be a whole number from 1 on, or a list of two: [min, max]") from None


Workers = Annotated[_Count | tuple[_Count, _Count], WrapValidator(_workers)]

# What a training may change while it is interrupted and still be the same training: where and how
# safely it runs. No result is meant to depend on these; the number of workers decides the order of
# float sums, the dropout masks, and without sync_batch_norm what a batch's statistics are.
WHERE_IT_RUNS = (
    "checkpoint_every_epochs",
    "checkpoint_every_steps",
    "keep_best_checkpoints",
    "storage_path",
    "max_failures",
    "max_rollbacks",
    "ray_address",
    "num_workers",
    "resize_interval_s",
    "device",
    "cpus_per_worker",
    "loader_workers",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Optimisation and where it runs (Isola et al. 2017, sec. 3.3)."""

    __pydantic_config__ = STRICT

    seed: Annotated[int, Field(ge=0, lt=2**32, description="weights, order, augmentation, dropout")]
    num_epochs: Annotated[int, Field(ge=1, description="passes at the full learning rate")]
    num_decay_epochs: Annotated[
        int, Field(ge=0, description="further passes while the rate falls linearly to zero")
    ]
    batch_size: Annotated[int, Field(ge=1, description="pairs per step over all workers")]
    num_microbatches: Annotated[
        int, Field(ge=1, description="parts in which a worker goes through its share of a batch")
    ]
    learning_rate: Annotated[float, Field(gt=0, le=1, description="Adam, both networks")]
    beta1: Annotated[float, Field(ge=0, lt=1, description="0.9 makes a GAN oscillate")]
    beta2: Annotated[float, Field(ge=0, lt=1, description="Adam's second moment")]
    lambda_l1: Annotated[float, Field(ge=0, description="weight of the L1 term")]
    lambda_adversarial: Annotated[
        float, Field(ge=0, description="weight of the adversarial term; 0: L1 alone")
    ]
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Field(description="autocast type of the networks; auto: what the hardware is good at"),
    ]
    channels_last: Annotated[bool, Field(description="memory layout of the networks")]
    gradient_exchange: Annotated[
        Literal["float32", "bfloat16"], Field(description="type of gradients between workers")
    ]
    sync_batch_norm: Annotated[
        bool, Field(description="batch statistics of all workers; false: of each worker's share")
    ]
    best_from_epoch: Annotated[
        int,
        Field(
            ge=1,
            description="first epoch that may be kept: young generators blur, which L1 likes",
        ),
    ]
    early_stopping_epochs: Annotated[
        int | None,
        Field(
            ge=1,
            description="patience from best_from_epoch on; null: never stop early",
        ),
    ]
    sample_every_epochs: Annotated[int, Field(ge=1, description="sample grids, beside the first")]
    num_samples: Annotated[int, Field(ge=1, le=64, description="dev pairs in a sample grid")]
    checkpoint_every_epochs: Annotated[
        int, Field(ge=1, description="checkpoints, beside each better dev L1 and the last epoch")
    ]
    checkpoint_every_steps: Annotated[
        int | None, Field(ge=1, description="checkpoints within an epoch; null: none")
    ]
    keep_best_checkpoints: Annotated[
        int, Field(ge=0, le=100, description="kept by dev L1, beside the latest two")
    ]
    storage_path: Annotated[
        str | None,
        Field(min_length=1, description="folder or s3://bucket/folder of checkpoints; null: .runs"),
    ]
    max_failures: Annotated[int, Field(ge=0, description="restarts after lost workers or nodes")]
    max_rollbacks: Annotated[
        int,
        Field(ge=0, description="returns to a checkpoint after non-finite losses"),
    ]
    ray_address: Annotated[
        str | None,
        Field(min_length=1, description="Ray cluster; null: RAY_ADDRESS, or none"),
    ]
    num_workers: Annotated[
        Workers, Field(description="Ray Train workers; [min, max]: as many as there is room for")
    ]
    resize_interval_s: Annotated[
        float, Field(gt=0, description="between looks at the cluster, where num_workers is a range")
    ]
    device: Annotated[
        Literal["auto", "cpu", "gpu"],
        Field(description="gpu: one per worker; auto: gpu where the cluster has enough of them"),
    ]
    cpus_per_worker: Annotated[
        int | None, Field(ge=1, description="logical CPUs of each worker; null: a node's share")
    ]
    loader_workers: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            description="processes that read and augment ahead; 0: in the training loop",
        ),
    ]

    def __post_init__(self) -> None:
        if self.min_workers > self.max_workers:
            raise ValueError(f"num_workers must be [min, max], got {list(self.worker_range)}")
        if self.batch_size < self.max_workers * self.num_microbatches:
            raise ValueError(
                f"batch_size ({self.batch_size}) is shared by up to {self.max_workers} workers in "
                f"{self.num_microbatches} microbatches each: it must be at least "
                f"{self.max_workers * self.num_microbatches}"
            )
        if self.best_from_epoch > self.total_epochs:
            raise ValueError(
                f"best_from_epoch ({self.best_from_epoch}) is after the last epoch "
                f"({self.total_epochs}), so no epoch could be kept"
            )
        if re.match(r"\w+://[^/]*@", self.storage_path or ""):
            raise ValueError(
                "storage_path holds a key, which would end up in git, logs and MLflow; put it into "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if self.lambda_l1 == 0 and self.lambda_adversarial == 0:
            raise ValueError("lambda_l1 and lambda_adversarial are both 0: nothing to train on")

    @property
    def worker_range(self) -> tuple[int, int]:
        """Fewest and most workers."""
        return self.num_workers if isinstance(self.num_workers, tuple) else (self.num_workers,) * 2

    @property
    def min_workers(self) -> int:
        """With fewer the training waits."""
        return self.worker_range[0]

    @property
    def max_workers(self) -> int:
        """More are never used."""
        return self.worker_range[1]

    @property
    def total_epochs(self) -> int:
        """Passes over the training split, those with a falling rate included."""
        return self.num_epochs + self.num_decay_epochs
