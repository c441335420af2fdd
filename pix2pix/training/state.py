"""The complete state of a training, from which it can be continued exactly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam

from pix2pix.config import TrainConfig
from pix2pix.models import (
    DiscriminatorConfig,
    GeneratorConfig,
    PatchDiscriminator,
    UNetGenerator,
    initialize,
)
from pix2pix.models.transfer import ParentNetworks, take_over
from pix2pix.training.batch_norm import with_shared_statistics
from pix2pix.training.computing import memory_layout
from pix2pix.training.distributed import gather_over_ranks, rank, unwrap, world_size
from pix2pix.training.losses import StepLosses

Wrap = Callable[[nn.Module], nn.Module]
Record = Mapping[str, float]  # of an epoch, in a history


class Best(NamedTuple):
    """The networks of the epoch with the lowest dev L1 so far."""

    epoch: int
    dev: dict[str, float]
    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]


@dataclass
class TrainState:
    """Networks (possibly wrapped for several workers), optimisers, position, best networks so far.

    There is no state of a random generator: each random number is a function of (seed, step, rank),
    see `seeding`.
    """

    generator: nn.Module
    discriminator: nn.Module
    generator_optimizer: Adam
    discriminator_optimizer: Adam
    seed: int
    epoch: int = 0  # finished passes over the training split
    step: int = 0  # finished optimiser updates
    batch: int = 0  # finished batches of the current pass
    loss_sums: Tensor = field(init=False)  # StepLosses as float64, of these batches and this rank
    skipped: Tensor = field(init=False)  # float32 scalar: 1 if no update is made, see `finite`
    history: list[dict[str, float]] = field(default_factory=list)  # one record per epoch result
    best: Best | None = None

    def __post_init__(self) -> None:
        self.clear_losses()
        self.skipped = torch.zeros((), device=self.device)

    @property
    def device(self) -> torch.device:
        """The device of the networks."""
        return next(self.generator.parameters()).device

    def clear_losses(self) -> None:
        """Set the sums of losses to zero, for a new pass."""
        self.loss_sums = torch.zeros(
            len(StepLosses._fields), dtype=torch.float64, device=self.device
        )

    def keep_as_best(self, dev: dict[str, float]) -> None:
        """Keep a copy of the current networks, with their scores on the dev split, as the best."""
        self.best = Best(
            epoch=self.epoch,
            dev=dev,
            generator=_copied(unwrap(self.generator)),
            discriminator=_copied(unwrap(self.discriminator)),
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain values and tensors, without the wrappers of the networks.

        Every rank must call it at the same time; the result has the values of all ranks.
        """
        return {
            "generator": unwrap(self.generator).state_dict(),
            "discriminator": unwrap(self.discriminator).state_dict(),
            "generator_optimizer": _moments(self.generator_optimizer),
            "discriminator_optimizer": _moments(self.discriminator_optimizer),
            "seed": self.seed,
            "epoch": self.epoch,
            "step": self.step,
            "batch": self.batch,
            "ranks": gather_over_ranks(self._own_values()).cpu(),
            "history": self.history,
            "best": None if self.best is None else self.best._asdict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned.

        If the number of ranks is the same, each rank gets its own values back; if not, each gets
        the mean of all ranks. Raises ValueError if the state was trained with another seed.
        """
        if state["seed"] != self.seed:
            raise ValueError(f"this state was trained with seed {state['seed']}, not {self.seed}")
        unwrap(self.generator).load_state_dict(state["generator"])
        unwrap(self.discriminator).load_state_dict(state["discriminator"])
        _load_moments(self.generator_optimizer, state["generator_optimizer"])
        _load_moments(self.discriminator_optimizer, state["discriminator_optimizer"])
        self.epoch, self.step, self.batch = state["epoch"], state["step"], state["batch"]
        values_by_rank = state["ranks"]
        is_same_size = len(values_by_rank) == world_size()
        self._set_own_values(values_by_rank[rank()] if is_same_size else values_by_rank.mean(dim=0))
        self.history = list(state["history"])
        self.best = None if state["best"] is None else Best(**state["best"])

    def _own_values(self) -> Tensor:
        """Return what differs between ranks, (n,) float64, which can represent each float32."""
        parts = [self.loss_sums, *self._statistics()]
        return torch.cat([part.detach().double().flatten() for part in parts])

    def _set_own_values(self, values: Tensor) -> None:
        sizes = [self.loss_sums.numel(), *(part.numel() for part in self._statistics())]
        losses, *statistics = torch.split(values, sizes)
        self.loss_sums = losses.to(self.device, copy=True)
        for part, own in zip(self._statistics(), statistics, strict=True):
            part.copy_(own.view_as(part))

    def _statistics(self) -> list[Tensor]:
        """Return the running statistics of batch norm, which each rank has of its own shares."""
        networks = (self.generator, self.discriminator)
        buffers = (buffer for network in networks for buffer in network.buffers())
        return [buffer for buffer in buffers if buffer.is_floating_point()]


def _moments(optimizer: Adam) -> dict[str, Any]:
    """Return the state of an optimiser as on hardware that replays no steps, see `replay`."""
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        group["lr"] = float(group["lr"])
    return state


def _load_moments(optimizer: Adam, state: dict[str, Any]) -> None:
    """Load the state of an optimiser, but keep the betas of this training, and how it computes.

    The betas differ if a trial of a population continues from the state of another one. The
    learning rate is set in each epoch.
    """
    own = [{key: group[key] for key in ("betas", "lr")} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, values in zip(optimizer.param_groups, own, strict=True):
        group.update(values)


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}


def new_state(
    generator_config: GeneratorConfig,
    discriminator_config: DiscriminatorConfig,
    *,
    config: TrainConfig,
    parent: ParentNetworks | None = None,
    wrap: Wrap = lambda network: network,
) -> TrainState:
    """Return a state of untrained networks, which are equal on every rank.

    With a parent, they take over its tensors. Layers that the parent does not have are those of a
    training from scratch with the same seed. Raises UserError if the parent does not fit. `wrap`
    moves a network to its device and prepares it for several workers.
    """
    torch.manual_seed(config.seed)  # so that all ranks draw equal weights
    generator = UNetGenerator(generator_config)
    discriminator = PatchDiscriminator(discriminator_config)
    for network in (generator, discriminator):
        initialize(network)
    if parent is not None:
        take_over(parent, generator, discriminator)
    return state_of(generator, discriminator, config=config, wrap=wrap)


def state_of(
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    config: TrainConfig,
    wrap: Wrap = lambda network: network,
) -> TrainState:
    """Return a state that starts from these networks, with new optimisers.

    `channels_last: auto` means what is good for the device of the networks before `wrap`.
    """
    if config.sync_batch_norm:
        generator, discriminator = map(with_shared_statistics, (generator, discriminator))
    # Before they are wrapped: DistributedDataParallel lays out its buckets like the weights.
    layout = memory_layout(config, next(generator.parameters()).device)
    generator, discriminator = (
        wrap(network.to(memory_format=layout)) for network in (generator, discriminator)
    )
    return TrainState(
        generator=generator.train(),
        discriminator=discriminator.train(),
        generator_optimizer=_adam(generator, config),
        discriminator_optimizer=_adam(discriminator, config),
        seed=config.seed,
    )


def _adam(network: nn.Module, config: TrainConfig) -> Adam:
    return Adam(
        network.parameters(),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        fused=True,
    )
