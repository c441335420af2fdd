"""The scores of the project are those of torch-fidelity and torchmetrics, called one by one."""

from pathlib import Path

import pytest

from benchmarks.scoring import largest_difference, made_work, project_scores, separate_scores


@pytest.mark.slow
def test_the_project_and_separate_scripts_give_the_same_scores(tmp_path: Path) -> None:
    work = made_work(tmp_path, 12)
    ours = project_scores(work, tmp_path / "features")
    plain = separate_scores(work, tmp_path / "files")
    assert set(ours) == set(plain) == {"model", "identity", "mean_target", "real_vs_real"}
    assert set(plain["model"]) == {
        "l1",
        "psnr_db",
        "ssim",
        "frechet_efficientnet_lite0",
        "kid_efficientnet_lite0",
    }
    # The files of the plain way hold 256 levels; the project's L1, PSNR and SSIM are of floats.
    assert largest_difference(ours, plain) < 2e-3
    assert project_scores(work, tmp_path / "features") == ours
