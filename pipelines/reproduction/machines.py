"""The machines of a training compared with the present ones.

Equal weights, bit for bit, can only be expected on the same kind of machine, and not on a GPU: the
order in which it adds numbers varies.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from pipelines.cluster.address import named_cluster
from pipelines.runs.machines import Machine, this_machine
from pix2pix.cores import num_cores

# The fields that count, all but the name of the host, in words.
_WORDS = {
    "system": "operating system",
    "cpu": "processor",
    "instruction_set": "instruction set of torch's kernels",
    "gpu": "GPU",
    "threads": "threads of a worker",
    "num_workers": "workers",
}


def machine_changes(then: Sequence[Machine], now: Sequence[Machine]) -> list[str]:
    """Return a sentence for each kind of difference between the machines of two trainings."""
    if not then:
        return ["the machine of the training was not recorded"]
    kinds = list(dict.fromkeys(replace(machine, host="") for machine in then))
    if len(kinds) > 1:
        return [f"the training ran on {len(kinds)} kinds of machines or groups, one after another"]
    changes = [
        f"{words}: {getattr(kinds[0], field) or 'none'} recorded, "
        f"{getattr(machine, field) or 'none'} here"
        for machine in now
        for field, words in _WORDS.items()
        if getattr(machine, field) != getattr(kinds[0], field)
    ]
    return list(dict.fromkeys(changes))


def changes_here(then: Sequence[Machine]) -> list[str]:
    """Compare the machines of a training with this one, if the workers will run on it.

    The machines of a Ray cluster are known only after the training.
    """
    if not then or not is_local():
        return machine_changes(then, [])
    device = torch.device("cuda" if then[0].gpu and torch.cuda.is_available() else "cpu")
    here = replace(
        this_machine(device, num_workers=then[0].num_workers), threads=threads_here(then[0])
    )
    return machine_changes(then, [here])


def is_local() -> bool:
    """Return whether trainings run on this machine."""
    return named_cluster() is None


def threads_here(recorded: Machine) -> int:
    """Return the threads that each worker of the group gets: those recorded if there is room."""
    if not is_local():
        return recorded.threads
    return max(1, min(recorded.threads, num_cores() // recorded.num_workers))
