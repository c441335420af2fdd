"""One optimisation step: the discriminator, then the generator (Isola et al. 2017, sec. 3.3)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from pix2pix.config import TrainConfig
from pix2pix.errors import UserError
from pix2pix.training.counted import masks_of
from pix2pix.training.distributed import any_over_ranks, exchange_only_if, share_weight, unwrap
from pix2pix.training.losses import adversarial_loss, discriminator_loss, l1_loss
from pix2pix.training.microbatches import Microbatch, generate, generate_without_graph, split_share
from pix2pix.training.precision import autocast
from pix2pix.training.state import TrainState


class StepLosses(NamedTuple):
    """The unweighted terms of a step: detached scalars, means over this rank's share of the batch.

    Where pixels are masked, the mean of the ranks' terms is the mean over the batch, see `counted`.

    The discriminator's terms are computed before its update, the generator's adversarial term with
    the updated discriminator.
    """

    discriminator_fake: Tensor
    discriminator_real: Tensor
    adversarial: Tensor
    l1: Tensor


class NonFiniteLossError(UserError):
    """The loss of a rank was not a finite number; the network with this loss was not updated.

    All ranks raise it at the same point: a rank that continued would wait forever for the gradients
    of the others. `terms` are this rank's, and `is_here` says whether one of them is not finite.
    """

    batch: Any = None  # the batch with this loss; the caller sets it

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
        # The error is sent from a worker to the driver. By default only its message would be sent.
        return partial(type(self), is_here=self.is_here), (self.terms, self.step)


class _Objective(NamedTuple):
    """A network's loss on one part, and its terms. There is no update if one is not finite."""

    total: Tensor
    terms: dict[str, Tensor]


def train_step(
    state: TrainState,
    source: Tensor,
    target: Tensor,
    config: TrainConfig,
    *,
    valid: Tensor | None = None,
) -> StepLosses:
    """Update the discriminator, then the generator, once each, on a batch.

    `source` and `target` are (N, C, H, W) in [-1, 1] on the networks' device. With several ranks
    they are this rank's share of the `config.batch_size` pairs. `valid` (N, 1, H, W) bool says
    which pixels count in the losses, see `counted`; None, then on every rank: all. Raises
    NonFiniteLossError on every rank, before the update that a non-finite loss would spoil.
    """
    masks = None if valid is None else masks_of(valid, unwrap(state.discriminator))
    parts = split_share(source, target, config.num_microbatches, masks)
    weight = share_weight(len(source), config.batch_size)
    # If the share is not split, the generator runs once, and both updates use the result.
    shared_fake = generate(state.generator, parts[0], config) if len(parts) == 1 else None
    discriminator_terms = _update_discriminator(state, parts, config, weight, shared_fake)
    generator_terms = _update_generator(state, parts, config, weight, shared_fake)
    state.step += 1
    return StepLosses(
        discriminator_terms["discriminator_fake"],
        discriminator_terms["discriminator_real"],
        generator_terms["adversarial"],
        generator_terms["l1"],
    )


def _update_discriminator(
    state: TrainState,
    parts: Sequence[Microbatch],
    config: TrainConfig,
    weight: float,
    shared_fake: Tensor | None,
) -> dict[str, Tensor]:
    """Make one step of the discriminator on all parts. Returns the means of its terms."""
    means: dict[str, Tensor] = {}
    state.discriminator_optimizer.zero_grad(set_to_none=True)
    for part in parts:
        with exchange_only_if(part.is_last, state.discriminator):
            fake = (
                generate_without_graph(state.generator, part, config)
                if shared_fake is None
                else shared_fake.detach()
            )
            objective = _discriminator_objective(state, part, fake, config)
            means = _backward(objective, part, weight=weight, means=means, step=state.step)
    state.discriminator_optimizer.step()
    return means


def _update_generator(
    state: TrainState,
    parts: Sequence[Microbatch],
    config: TrainConfig,
    weight: float,
    shared_fake: Tensor | None,
) -> dict[str, Tensor]:
    """Make one step of the generator on all parts. Returns the means of its terms."""
    means: dict[str, Tensor] = {}
    state.generator_optimizer.zero_grad(set_to_none=True)
    for part in parts:
        with exchange_only_if(part.is_last, state.generator):
            fake = generate(state.generator, part, config) if shared_fake is None else shared_fake
            objective = _generator_objective(state, part, fake, config)
            means = _backward(objective, part, weight=weight, means=means, step=state.step)
    state.generator_optimizer.step()
    return means


def _discriminator_objective(
    state: TrainState, part: Microbatch, fake: Tensor, config: TrainConfig
) -> _Objective:
    fake = part.shown(fake)
    with autocast(config, part.source.device):
        # Two passes, not one joint batch: batch norm must not mix fakes with reals.
        fake_logits = state.discriminator(torch.cat([part.source, fake], dim=1))
        real_logits = state.discriminator(torch.cat([part.source, part.target], dim=1))
    patches = None if part.masks is None else part.masks.patches
    loss = discriminator_loss(real_logits.float(), fake_logits.float(), patches)
    terms = {"discriminator_fake": loss.fake, "discriminator_real": loss.real}
    return _Objective(loss.total, terms)


def _generator_objective(
    state: TrainState, part: Microbatch, fake: Tensor, config: TrainConfig
) -> _Objective:
    # Without the wrapper for several workers, which would wait for gradients of the discriminator.
    discriminator = unwrap(state.discriminator).requires_grad_(False)
    fake = part.shown(fake)
    pixels, patches = (None, None) if part.masks is None else part.masks
    with autocast(config, part.source.device):
        fake_logits = discriminator(torch.cat([part.source, fake], dim=1))
    adversarial = adversarial_loss(fake_logits.float(), patches)
    l1 = l1_loss(fake.float(), part.target, pixels)
    discriminator.requires_grad_(True)
    total = config.lambda_adversarial * adversarial + config.lambda_l1 * l1
    return _Objective(total, {"adversarial": adversarial, "l1": l1, "weighted_sum": total})


def _backward(
    objective: _Objective,
    part: Microbatch,
    *,
    weight: float,
    means: Mapping[str, Tensor],
    step: int,
) -> dict[str, Tensor]:
    """Add the gradients of one part to the network's. Returns `means` with the terms of the part.

    The last part's backward pass exchanges the gradients between ranks, so all terms are checked
    before it. Raises NonFiniteLossError on all ranks.
    """
    means = {
        name: part.fraction * term.detach() + means.get(name, 0.0)
        for name, term in objective.terms.items()
    }
    if part.is_last:
        _check_finite(means, step)
    torch.autograd.backward(part.fraction * weight * objective.total)
    return means


def _check_finite(terms: Mapping[str, Tensor], step: int) -> None:
    """Raise NonFiniteLossError on all ranks if a term of one rank is not finite.

    The host waits for the device here, once for each network's update: for the values of the terms
    and, with several ranks, for the result of the others.
    """
    stacked = torch.stack(list(terms.values()))
    values = dict(zip(terms, stacked.tolist(), strict=True))
    is_here = not all(map(isfinite, values.values()))
    if any_over_ranks(is_here, stacked.device):
        raise NonFiniteLossError(values, step, is_here=is_here)
