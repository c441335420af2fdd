"""Steps that are recorded once, as a CUDA graph, and then replayed (`train.compile`).

A step of small batches is over sooner than the host has started its 1,000 kernels one by one. A
graph starts all of them at once: forward and backward passes, both updates and the reports. Its
kernels are those of `train_step`, so that the numbers are the same.

Random numbers stay those of (seed, step, rank): a graph reads seed and offset of the device's
default generator whenever it is replayed, and `seeding.seed_step` sets them before each step.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.optim import Adam

from pix2pix.config import TrainConfig
from pix2pix.training.computing import computing_of
from pix2pix.training.state import TrainState
from pix2pix.training.step import Step, train_step

# Before a graph is recorded, libraries choose kernels and Adam makes its moments.
_NUM_FIRST_STEPS = 3

MakeStep = Callable[[Tensor, Tensor, Tensor | None], Step]  # of source, target, valid pixels
Recording = tuple[Step, Callable[[], None]]  # what each replay writes to, and what replays


def step_maker(state: TrainState, config: TrainConfig) -> MakeStep:
    """Return the function that makes the steps of a training on `state`.

    Networks and optimisers of the state must not be loaded anew afterwards.
    """
    if computing_of(config, state.device).compile:
        return ReplayedSteps(state, config, record=CudaRecorder(state.device))
    return lambda source, target, valid: train_step(state, source, target, config, valid=valid)


class CudaRecorder:
    """Runs steps on a stream of its own, which a recording needs, and records them there."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def run(self, step: Callable[[], Step]) -> Step:
        """Make a step without recording it."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            made = step()
        current.wait_stream(self._stream)
        return made

    def record(self, step: Callable[[], Step]) -> Recording:
        """Record a step, without making it."""
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile, to load the next batch.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            made = step()
        return made, graph.replay


class ReplayedSteps:
    """Makes the first steps one kernel after another, then records one and replays it.

    Batches of another shape than the recorded one, and those with masked pixels, are not replayed.
    """

    def __init__(self, state: TrainState, config: TrainConfig, *, record: CudaRecorder) -> None:
        self._state, self._config, self._recorder = state, config, record
        self._num_made = 0
        self._inputs: tuple[Tensor, Tensor] | None = None
        self._recording: Recording | None = None
        self._optimizers = (state.generator_optimizer, state.discriminator_optimizer)
        for optimizer in self._optimizers:
            _keep_rate_on_device(optimizer, state.device)

    def __call__(self, source: Tensor, target: Tensor, valid: Tensor | None) -> Step:
        """Make a step, as `train_step` does. The next step overwrites the tensors of the result."""
        if valid is not None or not self._fits(source, target):
            return train_step(self._state, source, target, self._config, valid=valid)
        if self._num_made < _NUM_FIRST_STEPS:
            self._num_made += 1
            return self._recorder.run(partial(self._start, source, target))
        if self._recording is None or self._inputs is None:
            self._inputs = source.clone(), target.clone()
            self._recording = self._record(*self._inputs)
        for recorded, images in zip(self._inputs, (source, target), strict=True):
            recorded.copy_(images)
        step, replay = self._recording
        replay()
        self._state.step += 1
        return step

    def _fits(self, source: Tensor, target: Tensor) -> bool:
        return self._inputs is None or all(
            recorded.shape == images.shape
            for recorded, images in zip(self._inputs, (source, target), strict=True)
        )

    def _start(self, source: Tensor, target: Tensor) -> Step:
        return train_step(self._state, source, target, self._config)

    def _record(self, source: Tensor, target: Tensor) -> Recording:
        # Gradients that are there would be written to where they are; without them the graph has
        # memory of its own for them.
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
            _set_capturable(optimizer, True)
        number = self._state.step
        recording = self._recorder.record(partial(self._start, source, target))
        self._state.step = number  # nothing has been computed yet
        for optimizer in self._optimizers:
            _set_capturable(optimizer, False)  # Adam warns of steps that could be recorded
        return recording


def _keep_rate_on_device(optimizer: Adam, device: torch.device) -> None:
    """Make the learning rate a tensor, from which a graph reads it, as it changes.

    It is one from the first step on, so that a continued training rounds it alike.
    """
    for group in optimizer.param_groups:
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)


def _set_capturable(optimizer: Adam, is_capturable: bool) -> None:
    for group in optimizer.param_groups:
        group["capturable"] = is_capturable
