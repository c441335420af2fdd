"""One optimisation step: the discriminator, then the generator (Isola et al. 2017, sec. 3.3).

The host starts the work and waits for none of it.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam

from pix2pix.config import TrainConfig
from pix2pix.training.computing import autocast
from pix2pix.training.counted import masks_of
from pix2pix.training.distributed import exchange_only_if, share_weight, unwrap
from pix2pix.training.finite import (
    Report,
    Terms,
    Update,
    report,
    spoiled_if_not_finite,
    step_if_finite,
)
from pix2pix.training.losses import (
    StepLosses,
    adversarial_loss,
    discriminator_loss,
    generator_loss,
    l1_loss,
)
from pix2pix.training.microbatches import Microbatch, generate, generate_without_graph, split_share
from pix2pix.training.state import TrainState


class Step(NamedTuple):
    """What a step returns; all of it may still be computed on the device."""

    losses: StepLosses
    report: Report  # whether both updates were made


class _Objective(NamedTuple):
    """A network's loss on one part, and its terms. The update is skipped if one is not finite."""

    total: Tensor
    terms: Terms


# Of the state, a part, its fake if that is already there, and the parameters.
_ObjectiveOf = Callable[[TrainState, Microbatch, Tensor | None, TrainConfig], _Objective]


def train_step(
    state: TrainState,
    source: Tensor,
    target: Tensor,
    config: TrainConfig,
    *,
    valid: Tensor | None = None,
) -> Step:
    """Update the discriminator, then the generator, once each, on a batch.

    `source` and `target` are (N, C, H, W) in [-1, 1] on the networks' device. With several ranks
    they are this rank's share of the `config.batch_size` pairs. `valid` (N, 1, H, W) bool says
    which pixels count in the losses, see `counted`; None, then on every rank: all. An update with a
    loss or gradient that is not finite is skipped, and with it all later ones, see `finite`.
    """
    masks = None if valid is None else masks_of(valid, unwrap(state.discriminator))
    parts = split_share(source, target, config.num_microbatches, masks)
    weight = share_weight(len(source), config.batch_size)
    # If the share is not split, the generator runs once, and both updates use the result.
    shared_fake = generate(state.generator, parts[0], config) if len(parts) == 1 else None

    def update(network: nn.Module, optimizer: Adam, objective_of: _ObjectiveOf) -> Update:
        """Make one step of a network on all parts."""
        means: Terms = {}
        optimizer.zero_grad(set_to_none=True)
        for part in parts:
            with exchange_only_if(part.is_last, network):
                objective = objective_of(state, part, shared_fake, config)
                means = _backward(objective, part, weight=weight, means=means)
        return Update(means, step_if_finite(optimizer, network, state.skipped))

    discriminator = update(
        state.discriminator, state.discriminator_optimizer, _discriminator_objective
    )
    generator = update(state.generator, state.generator_optimizer, _generator_objective)
    state.step += 1
    terms = {**discriminator.terms, **generator.terms}
    losses = StepLosses(*(terms[name] for name in StepLosses._fields))
    return Step(losses, report(discriminator, generator))


def _discriminator_objective(
    state: TrainState, part: Microbatch, shared_fake: Tensor | None, config: TrainConfig
) -> _Objective:
    if shared_fake is None:
        fake = generate_without_graph(state.generator, part, config)
    else:
        fake = shared_fake.detach()
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
    state: TrainState, part: Microbatch, shared_fake: Tensor | None, config: TrainConfig
) -> _Objective:
    fake = generate(state.generator, part, config) if shared_fake is None else shared_fake
    fake = part.shown(fake)
    # Without the wrapper for several workers, which would wait for gradients of the discriminator.
    discriminator = unwrap(state.discriminator).requires_grad_(False)
    pixels, patches = (None, None) if part.masks is None else part.masks
    # Without a weight the term is only logged, and no gradient runs through the discriminator.
    judged = fake if config.lambda_adversarial > 0 else fake.detach()
    with autocast(config, part.source.device):
        fake_logits = discriminator(torch.cat([part.source, judged], dim=1))
    adversarial = adversarial_loss(fake_logits.float(), patches)
    l1 = l1_loss(fake.float(), part.target, pixels)
    discriminator.requires_grad_(True)
    total = generator_loss(adversarial, l1, config)
    return _Objective(total, {"adversarial": adversarial, "l1": l1, "weighted_sum": total})


def _backward(objective: _Objective, part: Microbatch, *, weight: float, means: Terms) -> Terms:
    """Add the gradients of one part to the network's. Returns `means` with the terms of the part.

    The last part's backward pass exchanges the gradients between ranks.
    """
    terms = {name: term.detach() for name, term in objective.terms.items()}
    total = part.fraction * weight * objective.total
    torch.autograd.backward(spoiled_if_not_finite(total, list(terms.values())))
    return {name: part.fraction * term + means.get(name, 0.0) for name, term in terms.items()}
