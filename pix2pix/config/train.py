"""Parameters of the training: what is computed, what is kept, and where it runs."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pix2pix.config.strict import STRICT, Count, CountFromZero, FilePath, Seed, one_reason

AutoOrBool = Annotated[Literal["auto"] | bool, one_reason("must be true, false or auto")]

# Which networks a training takes over from its parent.
InitNetworks = Literal["both", "generator"]

Workers = Annotated[
    Count | tuple[Count, Count],
    one_reason("must be a whole number from 1 on, or a list of two: [min, max]"),
    BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
]

# An interrupted training may continue with other values of these parameters. Only another number of
# workers or of their CPUs, or another device, changes numbers slightly: by the order of float sums
# and, with other workers, by the dropout masks and, without sync_batch_norm, by the statistics of a
# batch.
EXECUTION_KEYS = (
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
    "compile",
    "profile",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Optimisation and where it runs (Isola et al. 2017, sec. 3.3)."""

    __pydantic_config__ = STRICT

    seed: Seed
    """Seed of the first weights, the order of the pairs, the augmentation and dropout, from 0 to
    2^32 - 1. The same seed gives the same training, bit for bit, with as many workers on the same
    CPUs. On GPUs the order of sums may differ each time, and with it the rounding, see
    train.deterministic."""

    init_from: FilePath | None
    """Trained model that the training starts from: a registered version (models:/NAME/VERSION), the
    folder of a model, or a published file of weights (..._net_G.pth). Paths are relative to the
    project. Null: new networks."""

    init_networks: InitNetworks
    """Networks that are taken over from train.init_from: both, or the generator alone, with a new
    discriminator. A published discriminator is the file ..._net_D.pth beside that of the
    generator."""

    num_epochs: Count
    """Number of passes over the training pairs at the full learning rate, at least 1."""

    num_decay_epochs: CountFromZero
    """Number of further passes, during which the learning rate falls linearly, 0 or more: of n
    passes, the last one has 1/(n + 1) of the full rate."""

    batch_size: Count
    """Number of pairs in one training step over all workers together, at least one for each worker
    and microbatch. The published recipe uses 1; larger batches use a GPU better."""

    num_microbatches: Count
    """Number of parts into which a worker divides its share of a batch, at least 1. A larger number
    needs less memory and more time. With model.norm: batch it is another training, because batch
    norm then uses the statistics of each part alone; with others only rounding differs."""

    learning_rate: Annotated[float, Field(gt=0, le=1)]
    """Learning rate of the Adam optimiser of both networks, above 0 and at most 1. The published
    recipe uses 0.0002."""

    beta1: Annotated[float, Field(ge=0, lt=1)]
    """Decay of Adam's average of gradients, from 0 to below 1. Adversarial training needs about
    0.5; with the usual 0.9 it oscillates."""

    beta2: Annotated[float, Field(ge=0, lt=1)]
    """Decay of Adam's average of squared gradients, from 0 to below 1, usually 0.999."""

    lambda_l1: Annotated[float, Field(ge=0)]
    """Weight of the L1 distance to the target in the generator's loss, 0 or more. A larger weight
    gives results that are closer to the target and blurrier."""

    lambda_adversarial: Annotated[float, Field(ge=0)]
    """Weight of the adversarial term in the generator's loss, 0 or more. With 0 the generator is
    trained on L1 alone; the discriminator is still trained, for trainings that start from it."""

    precision: Literal["auto", "float32", "bfloat16"]
    """Number type in which the networks compute: auto (bfloat16 where the hardware is fast with it,
    otherwise float32), float32 (slower, the same numbers as published) or bfloat16."""

    channels_last: AutoOrBool
    """Whether tensors are stored with the channels last: auto (where the hardware is faster so, as
    GPUs are with bfloat16), true or false. The result differs by rounding."""

    compile: AutoOrBool
    """Whether the kernels of a step are recorded once, as a CUDA graph, and then replayed, which
    saves the time to start each of them: auto (where it was measured; on no hardware so far), true
    (on a GPU, with one worker and one microbatch) or false. The result is the same."""

    deterministic: bool
    """Whether GPUs use only kernels that add in the same order each time (true, slower), so that a
    training can be repeated and continued bit for bit on the same GPUs, or any kernels (false).
    CPUs always add in the same order."""

    gradient_exchange: Literal["float32", "bfloat16"]
    """Number type in which workers send each other gradients: float32 or bfloat16 (half the
    traffic, rounded). Change it where a slow network limits the training."""

    sync_batch_norm: bool
    """Whether batch normalisation uses the pairs of all workers (true) or of each worker alone
    (false). Set it to true where each worker has few pairs of a batch; it costs time."""

    best_from_epoch: Count
    """First epoch that may be kept as the best one, at least 1 and at most the last epoch. Young
    generators produce blurred images, which score well in L1, so the first epochs should not be
    kept. With the last epoch (num_epochs plus num_decay_epochs), that one is kept whatever its L1,
    as in the published code."""

    early_stopping_epochs: Count | None
    """Number of epochs without a better L1 on the dev split, counted from best_from_epoch, after
    which the training stops. Null: it always trains all epochs."""

    sample_every_epochs: Count
    """Number of epochs from one grid of sample images to the next, at least 1. The last
    epoch always has one."""

    num_samples: Annotated[int, Field(ge=1, le=64)]
    """Number of pairs of the dev split in each grid of sample images, from 1 to 64."""

    checkpoint_every_epochs: Count
    """Number of epochs from one checkpoint to the next, at least 1. An epoch with the best L1 so
    far and the last epoch always have one."""

    checkpoint_every_steps: Count | None
    """Number of steps from one checkpoint to the next within an epoch, at least 1. Set it where an
    epoch is long, to lose less work after a failure. Null: checkpoints only at the end of
    epochs."""

    keep_best_checkpoints: Annotated[int, Field(ge=0, le=100)]
    """Number of checkpoints with the lowest L1 on the dev split that are kept beside the two latest
    ones, from 0 to 100. Above 1, MLflow has the models of these epochs after the training."""

    storage_path: FilePath | None
    """Where checkpoints of a running training are kept: a folder that all workers share, or
    s3://bucket/folder. Null: the folder .runs of this machine, which is enough where no other
    machine takes part."""

    max_failures: CountFromZero
    """Number of times that a training goes on from a checkpoint after workers or nodes were lost, 0
    or more."""

    max_rollbacks: CountFromZero
    """Number of times that a training goes back to the last checkpoint after a loss that is
    infinite or not a number, 0 or more; after that it fails."""

    ray_address: Annotated[str | None, Field(min_length=1)]
    """Address of the Ray cluster that trains. Null: the cluster that the variable RAY_ADDRESS
    names, or this machine alone."""

    num_workers: Workers
    """Number of workers that train together, each with its share of a batch. A list [min, max] uses
    as many as the cluster has room for, also while the training runs."""

    resize_interval_s: Annotated[float, Field(gt=0)]
    """Time in seconds between two checks whether more workers fit into the cluster, above 0. Used
    where num_workers is a list."""

    device: Literal["auto", "cpu", "gpu"]
    """Hardware that trains: gpu (one GPU for each worker), cpu, or auto (GPUs where the cluster has
    enough of them)."""

    cpus_per_worker: Count | None
    """Number of logical CPUs of each worker, at least 1. Null: the CPUs of a node are divided among
    its workers. Set it on a cluster that grows."""

    loader_workers: Annotated[int, Field(ge=0, le=64)]
    """Number of threads in each worker that read and augment pairs ahead of the training, from 0 to
    64. 0: the training itself does it before each step. Raise it where a GPU waits for data."""

    profile: bool
    """Whether ten steps of the first epoch are traced, into a file for Chrome or Perfetto and a
    summary of where their time goes. These steps take longer."""

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
        """The lowest and the highest number of workers."""
        return self.num_workers if isinstance(self.num_workers, tuple) else (self.num_workers,) * 2

    @property
    def min_workers(self) -> int:
        """The lowest number of workers: with fewer the training waits."""
        return self.worker_range[0]

    @property
    def max_workers(self) -> int:
        """The highest number of workers."""
        return self.worker_range[1]

    @property
    def total_epochs(self) -> int:
        """The number of passes over the training split, also those with a falling rate."""
        return self.num_epochs + self.num_decay_epochs
