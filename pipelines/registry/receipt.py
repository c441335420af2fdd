"""What `register` leaves for the next `register`: that nothing was missing, and of what.

Only MLflow knows what MLflow holds, so it is asked at each `dvc repro`. The receipt makes that a
question of a tenth of a second: the same files, parameters and code have been registered at the
same place, and MLflow still holds what it held then. In every other case the receipt says nothing.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pipelines
import pix2pix
from pipelines.entrypoint import write_json
from pipelines.paths import MODEL_DIR, PREPARED_DIR, RECEIPT_PATH, SAMPLES_DIR
from pipelines.registry.mlflow_state import Registered, state_sha256
from pipelines.repository.dvc_lock import model_lineage
from pipelines.tracking.report_files import files_sha256, report_files
from pipelines.tracking.uri import without_password

_FILES = (Path("params.yaml"), PREPARED_DIR / "manifest.json")
_CODE = (Path(pix2pix.__file__).parent, Path(pipelines.__file__).parent)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Receipt:
    """All of the receipt."""

    registered_sha256: str  # of all that `register` reads, and where it registers
    mlflow_sha256: str  # of what MLflow held afterwards
    registration: dict[str, str]  # all of registration.json


def write_receipt(uri: str, registration: dict[str, str], *, registered_sha256: str) -> None:
    """Keep what MLflow holds now, if that can be told; `registered_sha256` is of before."""
    mlflow_sha256 = state_sha256(uri, _registered(registration))
    if mlflow_sha256 is None:
        RECEIPT_PATH.unlink(missing_ok=True)
        return
    receipt = _Receipt(
        registered_sha256=registered_sha256,
        mlflow_sha256=mlflow_sha256,
        registration=registration,
    )
    write_json(RECEIPT_PATH, asdict(receipt))


def still_complete(uri: str, *, registered_sha256: str) -> dict[str, str] | None:
    """registration.json, if nothing is missing for certain; None if somebody has to look."""
    try:
        receipt = _Receipt(**json.loads(RECEIPT_PATH.read_bytes()))
        asked = _registered(receipt.registration)
    except (OSError, ValueError, TypeError, KeyError):  # there is none, or not one of ours
        return None
    if receipt.registered_sha256 != registered_sha256:
        return None
    is_complete = state_sha256(uri, asked) == receipt.mlflow_sha256
    return receipt.registration if is_complete else None


def registered_sha256(uri: str) -> str:
    """A hash of all that `register` reads in this folder, of its code, and of where it registers.

    Of dvc.lock only what is recorded: DVC writes the stage `register` itself into it afterwards.
    """
    files = [*_FILES, *sorted(MODEL_DIR.glob("*")), *sorted(SAMPLES_DIR.glob("*"))]
    code = [path for folder in _CODE for path in sorted(folder.rglob("*.py"))]
    hashed = {path.as_posix(): path for path in (*files, *code) if path.is_file()}
    parts = [
        without_password(uri),
        files_sha256(hashed | report_files(Path())),
        model_lineage(Path()),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _registered(registration: dict[str, str]) -> Registered:
    return Registered(
        name=registration["model"],
        version=registration["version"],
        run_id=registration["run_id"],
    )
