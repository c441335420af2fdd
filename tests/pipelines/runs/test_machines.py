import dataclasses
import platform
from pathlib import Path

import torch

from pipelines.runs.folder import open_folder
from pipelines.runs.machines import add_machines, recorded_machines, this_machine

HERE = this_machine(torch.device("cpu"), num_workers=2)


def test_this_machine_is_described_as_torch_sees_it() -> None:
    assert HERE.system == f"{platform.system()} {platform.machine()}"
    assert HERE.instruction_set == torch.backends.cpu.get_cpu_capability()
    assert (HERE.threads, HERE.num_workers) == (torch.get_num_threads(), 2)
    assert HERE.gpu is None
    assert HERE.cpu


def test_each_kind_of_machine_is_recorded_once_in_the_order_of_its_use(tmp_path: Path) -> None:
    run = open_folder(str(tmp_path))
    other = dataclasses.replace(HERE, cpu="another")
    assert recorded_machines(run) == ()
    add_machines(run, [HERE, HERE])
    add_machines(run, [other, HERE])
    add_machines(run, [HERE])
    assert recorded_machines(run) == (HERE, other)
