"""The device of networks that are not trained in this process."""

import pytest
import torch

from pipelines.evaluation.device import inference_device


@pytest.mark.parametrize("has_gpu", [False, True])
def test_it_is_the_first_gpu_whose_convolutions_repeat_their_sums(
    has_gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    assert inference_device().type == ("cuda" if has_gpu else "cpu")
    assert torch.backends.cudnn.deterministic
