import gzip
import json
from pathlib import Path

import pytest

from pipelines.paths import PROFILE_DIR
from pipelines.runs.folder import open_folder
from pipelines.tracking.report_files import report_files
from pipelines.training.profiles import copy_profile, write_profile
from pix2pix.training import Profile
from tests.support.shared_ray import Undisturbed


def test_the_profile_of_a_run_is_a_report_and_takes_the_place_of_an_earlier_one(
    tmp_path: Path,
) -> None:
    """What is below reports/ becomes files of the run in MLflow."""
    profiled, plain = (open_folder(str(tmp_path / name)) for name in ("profiled", "plain"))
    project, names = tmp_path / "project", ["summary.json", "trace.json.gz"]
    write_profile(profiled, Profile(trace=b"trace", summary={"step_s": 0.5}))
    copy_profile(profiled, project / PROFILE_DIR)
    assert list(report_files(project)) == [f"reports/profile/{name}" for name in names]
    assert (project / PROFILE_DIR / "trace.json.gz").read_bytes() == b"trace"
    copy_profile(plain, project / PROFILE_DIR)
    assert not report_files(project)


@pytest.mark.ray
@pytest.mark.slow
def test_a_training_that_is_profiled_has_a_trace(together: Undisturbed) -> None:
    """Of two workers, so that the trace has the exchange of gradients."""
    folder = together.folder / "profile"
    summary = json.loads(folder.read("summary.json"))
    assert summary["step_s"] > summary["exchange_s"] > 0
    events = json.loads(gzip.decompress(folder.read("trace.json.gz")))["traceEvents"]
    assert sum(event["name"] == "training step" for event in events) == summary["num_steps"]
