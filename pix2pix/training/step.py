"""One optimisation step: the discriminator, then the generator (Isola et al. 2017, sec. 3.3)."""

from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pix2pix.config import TrainConfig
from pix2pix.errors import UserError
from pix2pix.training.distributed import any_over_ranks, exchange_only_if, share_weight, unwrap
from pix2pix.training.losses import adversarial_loss, discriminator_loss, l1_loss
from pix2pix.training.microbatches import Microbatch, generate, preview, split_share
from pix2pix.training.precision import autocast
from pix2pix.training.state import TrainState


class StepLosses(NamedTuple):
    """Unweighted terms of one step, detached scalars: means over this rank's share of the batch.

    D's terms are before its update; G's adversarial term is after D's update, as it is minimised.
    """

    discriminator_fake: Tensor
    discriminator_real: Tensor
    adversarial: Tensor
    l1: Tensor


class NonFiniteLossError(UserError):
    """A loss of some rank was not a finite number; the network it belongs to was not updated.

    All ranks raise it in the same place: one that went on would wait for the others' gradients for
    ever. `terms` are those of this rank, and `is_here` says whether they are to blame.
    """

    batch: Any = None  # what it was computed from, where the caller adds it

    def __init__(self, terms: dict[str, float], step: int, *, is_here: bool = True) -> None:
        values = ", ".join(f"{name} {value:g}" for name, value in terms.items())
        where = f"({values})" if is_here else f"of another worker (here: {values})"
        super().__init__(
            f"non-finite loss in step {step} {where}; the update was not made. Lower "
            "train.learning_rate, use precision: float32, or look at the batch"
        )
        self.terms = terms
        self.step = step
        self.is_here = is_here

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[dict[str, float], int]]:
        # It crosses from a worker to the driver; by default only the message would.
        return partial(type(self), is_here=self.is_here), (self.terms, self.step)


class _Objective(NamedTuple):
    """A network's loss on a part, and the terms of which a non-finite one forbids the update."""

    total: Tensor
    terms: dict[str, Tensor]


def train_step(
    state: TrainState, source: Tensor, target: Tensor, config: TrainConfig
) -> StepLosses:
    """Update both networks once on a batch (N, C, H, W) in [-1, 1], on the networks' device.

    With several ranks it is this rank's share of `config.batch_size` pairs. Raises
    NonFiniteLossError, on every rank, before the update that a non-finite loss would spoil.
    """
    parts = split_share(source, target, config.num_microbatches)
    draft, final = _fakes(state, parts, config)
    update = partial(
        _update, parts, weight=share_weight(len(source), config.batch_size), step=state.step
    )
    of_d = update(
        state.discriminator,
        state.discriminator_optimizer,
        objective=lambda part: _discriminator_objective(state, part, draft(part), config),
    )
    of_g = update(
        state.generator,
        state.generator_optimizer,
        objective=lambda part: _generator_objective(state, part, final(part), config),
    )
    state.step += 1
    return StepLosses(
        of_d["discriminator_fake"], of_d["discriminator_real"], of_g["adversarial"], of_g["l1"]
    )


_FakeOf = Callable[[Microbatch], Tensor]


def _fakes(
    state: TrainState, parts: Sequence[Microbatch], config: TrainConfig
) -> tuple[_FakeOf, _FakeOf]:
    """Where the discriminator's and the generator's update have the fakes of a part from.

    A single part passes the generator once, for both.
    """
    if len(parts) > 1:
        return (
            lambda part: preview(state.generator, part, config),
            lambda part: generate(state.generator, part, config),
        )
    fake = generate(state.generator, parts[0], config)
    return lambda _part: fake.detach(), lambda _part: fake


def _update(
    parts: Sequence[Microbatch],
    network: nn.Module,
    optimizer: Optimizer,
    *,
    objective: Callable[[Microbatch], _Objective],
    weight: float,
    step: int,
) -> dict[str, Tensor]:
    """One update from all parts, whose gradients are exchanged once; the mean of each term."""
    optimizer.zero_grad(set_to_none=True)
    means: dict[str, Tensor] = {}
    for part in parts:
        with exchange_only_if(part.is_last, network):
            total, terms = objective(part)
            for name, term in terms.items():
                means[name] = part.fraction * term.detach() + means.get(name, 0.0)
            if part.is_last:
                _check_finite(means, step)
            torch.autograd.backward(part.fraction * weight * total)
    optimizer.step()
    return means


def _discriminator_objective(
    state: TrainState, part: Microbatch, fake: Tensor, config: TrainConfig
) -> _Objective:
    with autocast(config, part.source.device):
        # Two passes, not one joint batch: batch norm must not mix fakes with reals.
        fake_logits = state.discriminator(torch.cat([part.source, fake], dim=1))
        real_logits = state.discriminator(torch.cat([part.source, part.target], dim=1))
    loss = discriminator_loss(real_logits.float(), fake_logits.float())
    terms = {"discriminator_fake": loss.fake, "discriminator_real": loss.real}
    return _Objective(loss.total, terms)


def _generator_objective(
    state: TrainState, part: Microbatch, fake: Tensor, config: TrainConfig
) -> _Objective:
    # Without the wrapper: it would wait for gradients that D does not get here.
    discriminator = unwrap(state.discriminator).requires_grad_(False)
    with autocast(config, part.source.device):
        fake_logits = discriminator(torch.cat([part.source, fake], dim=1))
    adversarial = adversarial_loss(fake_logits.float())
    l1 = l1_loss(fake.float(), part.target)
    discriminator.requires_grad_(True)
    total = config.lambda_adversarial * adversarial + config.lambda_l1 * l1
    return _Objective(total, {"adversarial": adversarial, "l1": l1, "weighted_sum": total})


def _check_finite(terms: dict[str, Tensor], step: int) -> None:
    """Raises on all ranks if a term of one is not finite."""
    stacked = torch.stack(list(terms.values()))
    values = dict(zip(terms, stacked.tolist(), strict=True))
    is_here = not all(map(isfinite, values.values()))
    if any_over_ranks(is_here, stacked.device):
        raise NonFiniteLossError(values, step, is_here=is_here)
