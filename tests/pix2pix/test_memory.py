import pickle

import numpy as np
import psutil
import pytest
import torch

from pix2pix import control_groups
from pix2pix.errors import UserError
from pix2pix.memory import (
    allowed_bytes,
    available_bytes,
    enough_memory,
    no_traceback_of_memory,
)

CPU = torch.device("cpu")


def test_what_is_available_is_less_than_a_petabyte_and_more_than_a_megabyte() -> None:
    assert 2**20 < available_bytes(CPU) < 2**50


def test_a_container_s_limit_counts_without_the_pages_of_idle_files(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path / "a" / "b"
    group.mkdir(parents=True)
    for folder, limit in ((group, "max"), (group.parent, "9000000")):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text("5000000\n")
        (folder / "memory.stat").write_text("anon 3000000\ninactive_file 1000000\n")
    (tmp_path / "own").write_text("0::/a/b\n")
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path)
    monkeypatch.setattr(control_groups, "_OWN", tmp_path / "own")
    assert available_bytes(CPU) == 5_000_000


def test_too_much_is_refused_before_it_is_taken() -> None:
    with (
        pytest.raises(UserError, match=r"the picture needs about 3\.0 GiB .* 1\.0 GiB are avail"),
        enough_memory(3 * 2**30, 2**30, what="the picture"),
    ):
        pytest.fail("the work began")
    with enough_memory(2**29, 2**30, what="the picture"):
        pass


def test_a_limit_that_is_too_small_is_named() -> None:
    message = r"the picture needs about 50 MiB of memory and 9 MiB are left: max_memory_gib is 0\.5"
    with (
        pytest.raises(UserError, match=message),
        enough_memory(50 * 2**20, 9 * 2**20, what="the picture", max_memory_gib=0.5),
    ):
        pytest.fail("the work began")


def test_a_limit_counts_what_the_process_already_has() -> None:
    has_gib = psutil.Process().memory_info().rss / 2**30
    assert allowed_bytes(CPU, has_gib + 0.25) == pytest.approx(2**28, abs=2**24)
    assert allowed_bytes(CPU, has_gib / 2) == 0
    for unlimited in (2.0**30, float("inf")):
        assert allowed_bytes(CPU, unlimited) == pytest.approx(available_bytes(CPU), rel=0.2)


@pytest.mark.parametrize(
    "take",
    [
        lambda: torch.empty(2**50),
        lambda: np.empty(2**60, np.uint8),
        lambda: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory. Tried ...")),
    ],
    ids=["torch", "numpy", "cuda"],
)
def test_the_end_of_memory_is_one_message(take) -> None:
    with (
        pytest.raises(UserError, match="the picture needs more memory than is available"),
        no_traceback_of_memory("the picture"),
    ):
        take()


def test_the_message_reaches_the_caller_of_another_process() -> None:
    with pytest.raises(UserError) as caught, no_traceback_of_memory("the picture"):
        np.empty(2**60, np.uint8)
    sent = pickle.loads(pickle.dumps(caught.value))
    assert (type(sent), str(sent), sent.for_sender) == (
        UserError,
        str(caught.value),
        caught.value.for_sender,
    )


def test_other_errors_keep_their_traceback() -> None:
    with pytest.raises(RuntimeError, match="must match"), no_traceback_of_memory("the picture"):
        torch.zeros(2) + torch.zeros(3)
