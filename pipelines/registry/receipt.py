"""A receipt of the stage `register`: it shows the next `dvc repro` that nothing has changed.

The stage runs at each `dvc repro`, because only MLflow knows what it stores. The receipt makes
this a check of a tenth of a second. It has two hashes: of all that was registered (files,
parameters, code and tracking URI), and of what MLflow stored afterwards. If both are unchanged,
the registration is complete; otherwise the stage has to look.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pipelines
import pix2pix
from pipelines.json_files import write_json
from pipelines.paths import MODEL_DIR, PREPARED_DIR, RECEIPT_PATH, SAMPLES_DIR
from pipelines.registry.mlflow_state import state_sha256
from pipelines.repository.dvc_lock import model_lineage
from pipelines.tracking.report_files import files_sha256, report_files
from pipelines.tracking.uri import without_password

_FILES = (Path("params.yaml"), PREPARED_DIR / "manifest.json")
_NOT_COMPARED = "not compared"  # an outcome of `comparison`, whose import would take seconds
_CODE = (Path(pix2pix.__file__).parent, Path(pipelines.__file__).parent)


def write_receipt(uri: str, registration: dict[str, Any], *, registered_sha256: str) -> None:
    """Write the receipt of a complete registration; delete it if the stage has to look again.

    That is so if MLflow's state has no hash, or if the version was not compared: what prevented it
    may end without a change of this folder or this version. `registered_sha256` is the hash from
    before the registration.
    """
    mlflow_sha256 = state_sha256(uri, registration)
    if mlflow_sha256 is None or registration["decision"]["outcome"] == _NOT_COMPARED:
        RECEIPT_PATH.unlink(missing_ok=True)
        return
    hashes = {"registered_sha256": registered_sha256, "mlflow_sha256": mlflow_sha256}
    write_json(RECEIPT_PATH, {**hashes, "registration": registration})


def still_complete(uri: str, *, registered_sha256: str) -> dict[str, Any] | None:
    """The content of register.json if certainly nothing is missing in MLflow, else None."""
    try:
        receipt = json.loads(RECEIPT_PATH.read_bytes())
        registration: dict[str, Any] = receipt["registration"]
        is_complete = receipt["registered_sha256"] == registered_sha256 and receipt[
            "mlflow_sha256"
        ] == state_sha256(uri, registration)
    except (OSError, ValueError, TypeError, KeyError):  # no receipt, or of another format
        return None
    return registration if is_complete else None


def registered_sha256(uri: str) -> str:
    """The hash of all files that `register` reads in this folder, its code and the tracking URI.

    Of dvc.lock it covers only the part that is recorded in MLflow, because DVC adds the stage
    `register` itself to dvc.lock afterwards.
    """
    files = [*_FILES, *sorted(MODEL_DIR.rglob("*")), *sorted(SAMPLES_DIR.glob("*"))]
    code = [path for folder in _CODE for path in sorted(folder.rglob("*.py"))]
    hashed = {path.as_posix(): path for path in (*files, *code) if path.is_file()}
    parts = [
        without_password(uri),
        files_sha256(hashed | report_files(Path())),
        model_lineage(Path()),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
