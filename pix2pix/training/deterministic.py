"""Kernels of GPUs that give the same numbers each time (`train.deterministic`)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def deterministic_kernels(*, wanted: bool) -> Iterator[None]:
    """Within the context, use only kernels that add in a fixed order if `wanted`, else any.

    The units of a GPU may add the parts of a sum in the order in which they finish, and the order
    decides the rounding. The choice counts for all threads of the process, and is set back at the
    end. Enter the context before the process multiplies its first matrices on a GPU.

    Raises RuntimeError within the context where PyTorch has no such kernel
    (`torch.use_deterministic_algorithms`); no operation of a training is one of these.
    """
    if wanted:
        # cuBLAS has a fixed order only with workspaces of fixed sizes. PyTorch demands them.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    memory: Any = torch.utils.deterministic  # a module with a property, which mypy does not see
    was_wanted = torch.are_deterministic_algorithms_enabled()
    was_filled = memory.fill_uninitialized_memory
    try:
        torch.use_deterministic_algorithms(wanted)
        # Filling new memory with NaN shows reads of what nobody wrote; it changes no result here.
        memory.fill_uninitialized_memory = False
        yield
    finally:
        torch.use_deterministic_algorithms(was_wanted)
        memory.fill_uninitialized_memory = was_filled
