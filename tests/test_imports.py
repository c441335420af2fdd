"""The library by itself: it runs where Ray, MLflow, Prefect and DVC are not installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mlflow_process import closed_port

PIPELINE_TOOLS = ("ray", "mlflow", "prefect", "dvc")

# A finder that answers for the tools as a machine without them would.
WITHOUT = """
import sys, importlib.abc, pkgutil
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import pix2pix
for module in pkgutil.walk_packages(pix2pix.__path__, "pix2pix."):
    if not module.name.startswith({skipped}):
        __import__(module.name)
print(len([name for name in sys.modules if name.startswith("pix2pix")]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("missing", "skipped"),
    [
        (PIPELINE_TOOLS, "-"),
        # Inception and EfficientNet are the evaluation's; training and inference run without.
        (("torchvision", "torchmetrics", "torch_fidelity"), "pix2pix.evaluation"),
    ],
)
def test_the_library_imports_without(missing: tuple[str, ...], skipped: str) -> None:
    code = WITHOUT.format(missing=set(missing), skipped=repr(skipped))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30


def test_importing_the_pipeline_switches_every_tool_s_usage_reports_off() -> None:
    code = """
import os
os.environ.clear()
os.environ["RAY_USAGE_STATS_ENABLED"] = "1"
import pipelines
print(" ".join(f"{name}={value}" for name, value in sorted(os.environ.items())))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {
        "DO_NOT_TRACK=1",
        "DVC_NO_ANALYTICS=1",
        "MLFLOW_DISABLE_TELEMETRY=true",
        "PREFECT_SERVER_ANALYTICS_ENABLED=false",
        "RAY_USAGE_STATS_ENABLED=1",  # what was set before wins
    } <= set(done.stdout.split())


def test_onnx_runtime_hears_that_it_shall_report_nothing(tmp_path: Path) -> None:
    """Else it makes the file .ses, which names this machine in what it sends."""
    code = """
import pipelines, onnx, onnxruntime
from onnx import TensorProto, helper
value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [
    helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
onnxruntime.InferenceSession(model.SerializeToString())
"""
    # A proxy where nobody listens: also where the code is wrong, nothing is sent.
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), f"http://127.0.0.1:{closed_port()}")
    environment = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    subprocess.run(
        [sys.executable, "-c", code],
        env=environment | proxies | {"TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        check=True,
    )
    assert list(tmp_path.rglob("*")) == []
