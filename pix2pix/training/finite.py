"""Losses and gradients that are not finite: the device skips their updates, the host hears later.

A step never waits for its own result. A loss that is not finite makes all gradients of its network
NaN. The exchange of gradients between ranks spreads NaN, so that every rank sees it without a
message of its own. Then the update of the network is skipped on the device, and so are all later
updates, until the host has read the report of the step, which it does one step later.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.optim import Adam

from pix2pix.errors import UserError
from pix2pix.training.distributed import any_over_ranks
from pix2pix.valid_pixels import PairBatch

Terms = Mapping[str, Tensor]  # detached scalars by name


class NonFiniteLossError(UserError):
    """The loss or a gradient of a rank was not a finite number; it did not change its network.

    All ranks raise it at the same point: a rank that continued would wait forever for the gradients
    of the others. `terms` are this rank's, and `is_here` says whether one of them is not finite,
    or, if `in_gradient`, a gradient although all terms of all ranks are finite.
    """

    batch: PairBatch | None = None  # the batch with this loss; the caller sets it

    def __init__(
        self,
        terms: dict[str, float],
        step: int,
        *,
        is_here: bool = True,
        in_gradient: bool = False,
    ) -> None:
        values = ", ".join(f"{name} {value:g}" for name, value in terms.items())
        where = f"({values})" if is_here else f"of another worker (here: {values})"
        what = "gradient" if in_gradient else "loss"
        super().__init__(
            f"non-finite {what} in step {step} {where}; the update was not made. Lower "
            "train.learning_rate, use precision: float32, or look at the batch"
        )
        self.terms = terms
        self.step = step
        self.is_here = is_here
        self.in_gradient = in_gradient

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[dict[str, float], int]]:
        # The error is sent from a worker to the driver. By default only its message would be sent.
        kind = partial(type(self), is_here=self.is_here, in_gradient=self.in_gradient)
        return kind, (self.terms, self.step)


class Update(NamedTuple):
    """An update of a network, which was made or skipped."""

    terms: Terms  # of its loss
    skipped: Tensor  # float32 scalar: 1 if the update was skipped, else 0


class Report(NamedTuple):
    """What a step says about its two updates, on the device, for the host to read later."""

    names: tuple[tuple[str, ...], ...]  # of the terms of each update: discriminator, generator
    values: Tensor  # float32: the terms of both, then for each update 1 if it was skipped, else 0

    def check(self, step: int, device: torch.device) -> None:
        """Raise NonFiniteLossError, on all ranks, if an update of this `step` was skipped.

        The host waits here until the values are there. `device` is that of the networks.
        """
        values = self.values.tolist()
        skipped = values[-len(self.names) :]
        for names, is_skipped in zip(self.names, skipped, strict=True):
            terms = {name: values.pop(0) for name in names}
            if is_skipped:
                is_here = not all(map(isfinite, terms.values()))
                in_gradient = not any_over_ranks(is_here, device)
                raise NonFiniteLossError(
                    terms, step, is_here=is_here or in_gradient, in_gradient=in_gradient
                )


def report(*updates: Update) -> Report:
    """Return the report of a step with these updates."""
    terms = [value for each in updates for value in each.terms.values()]
    skipped = [each.skipped for each in updates]
    return Report(
        tuple(tuple(each.terms) for each in updates),
        torch.stack([value.float() for value in (*terms, *skipped)]),
    )


def spoiled_if_not_finite(total: Tensor, terms: Sequence[Tensor]) -> Tensor:
    """The loss `total`, with NaN as its gradient if one of the detached terms is not finite.

    All of them are scalars.

    A finite loss keeps its bits, and so does its gradient: it is multiplied by 1.
    """
    return total * (1.0 + (0.0 * torch.stack(list(terms))).sum())


@torch.no_grad()
def step_if_finite(optimizer: Adam, network: nn.Module, skipped: Tensor) -> Tensor:
    """Update the network, unless `skipped` is 1 or a gradient is not finite.

    `skipped` is a float32 scalar, 0 or 1. It becomes 1 if a gradient is not finite; the result is a
    copy of it. A skipped update changes no weight and no moment of Adam. A gradient also counts as
    not finite if its values add up to more than float32 holds: Adam needs squares of such values,
    which would be infinite.
    """
    sums = [each.grad.sum() for each in network.parameters() if each.grad is not None]
    skipped.copy_(torch.maximum(skipped, (~torch.stack(sums).isfinite().all()).float()))
    # By these two attributes, torch.amp.GradScaler tells a fused optimiser what to skip.
    optimizer.grad_scale, optimizer.found_inf = None, skipped  # type: ignore[attr-defined]
    optimizer.step()
    del optimizer.grad_scale, optimizer.found_inf  # type: ignore[attr-defined]
    return skipped.clone()
