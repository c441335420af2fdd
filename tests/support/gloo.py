"""Several workers on this machine: gloo processes on loopback, without Ray."""

import os
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing


def run_together(work: Callable[..., Any], *args: Any, world_size: int, folder: Path) -> list[Any]:
    """What `work(rank, world_size, *args)` returns on each rank: tensors and plain values."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = (world_size, port, str(folder), work, args)
    multiprocessing.spawn(_worker, arguments, nprocs=world_size)
    return [torch.load(folder / f"{rank}.pt") for rank in range(world_size)]


def _worker(
    rank: int, world_size: int, port: int, folder: str, work: Callable[..., Any], args: Any
) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    # Ranks that wait for each other fail, rather than hang, after this.
    timeout = timedelta(seconds=60)
    distributed.init_process_group("gloo", rank=rank, world_size=world_size, timeout=timeout)
    torch.save(work(rank, world_size, *args), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()
