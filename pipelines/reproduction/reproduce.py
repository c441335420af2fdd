"""Train a registered version again, compare it with the version, and certify the result."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.json_files import write_json
from pipelines.paths import REPRODUCTIONS_DIR
from pipelines.processes.shell import CommandFailedError
from pipelines.registry.lineage import Lineage, read_lineage
from pipelines.registry.lookup import find_version, label
from pipelines.registry.model_files import downloaded
from pipelines.registry.provenance import REPRODUCED_TAG
from pipelines.reproduction.certificate import Certificate
from pipelines.reproduction.code import code_revision
from pipelines.reproduction.machines import changes_here, machine_changes
from pipelines.reproduction.packages import package_changes
from pipelines.reproduction.rebuilding import Rebuilt, rebuilt
from pipelines.reproduction.verdict import judge, score_rows
from pipelines.tracking.connection import connected
from pipelines.tracking.uri import recorded_uri
from pix2pix.checkpoint import GENERATOR_FILE
from pix2pix.errors import UserError
from pix2pix.files import write_text
from pix2pix.weights import TensorDifference, differing_tensors

ALLOW = "--allow-changed-environment"

_MAX_LISTED = 20
_ARTIFACTS = Path("provenance/reproductions")  # of the run that trained the version

logger = logging.getLogger(__name__)


def reproduce(
    reference: str, project_dir: Path, *, allows_changes: bool = False, keeps: bool = False
) -> Certificate:
    """Train the version that `reference` names again, and write a certificate of the comparison.

    The certificate is written to `REPRODUCTIONS_DIR` and to the MLflow run of the version, and a
    tag of the version gets the result. `allows_changes` trains also where packages or machine are
    not those of the version. `keeps` leaves the workspace with the model. Raises UserError if the
    version cannot be trained again here: before anything trains if code, environment or data are
    the reason.
    """
    uri = recorded_uri()
    with connected(uri) as client:
        version = find_version(client, reference)
        lineage = read_lineage(client, version)
    try:
        revision = code_revision(project_dir, lineage.training.origin)
        changes = _check_environment(lineage, allows_changes=allows_changes)
        with rebuilt(project_dir, revision, lineage, variant=label(version), keeps=keeps) as again:
            with connected(uri) as client:
                tensors = _differing_tensors(client, version, lineage, again)
            certificate = _certificate(version, lineage, again, changes=changes, tensors=tensors)
            _write(project_dir, certificate)
            with connected(uri) as client:
                _log(client, version, certificate)
    except CommandFailedError:  # names the stage; its exit code may say that it can succeed later
        raise
    except UserError as error:
        raise UserError(f"{label(version)}: {error}") from error
    return certificate


def _check_environment(lineage: Lineage, *, allows_changes: bool) -> list[str]:
    """Return what differs from the recorded environment; raise UserError if that is not allowed."""
    training = lineage.training
    changes = package_changes(training.origin) + changes_here(training.machines)
    if changes and not allows_changes:
        more = [f"and {len(changes) - _MAX_LISTED} more"] if changes[_MAX_LISTED:] else []
        listed = "\n".join(f"  {change}" for change in [*changes[:_MAX_LISTED], *more])
        raise UserError(
            f"the environment is not that of the training, so equal weights cannot be expected:\n"
            f"{listed}\nMake the recorded one (`git clone` this repository to another folder, "
            f"`git checkout {training.origin.commit}`, `make setup`) and reproduce it there, or "
            f"give {ALLOW}: then the test scores decide if the weights differ"
        )
    for change in changes:
        logger.warning("not as recorded: %s", change)
    return changes


def _differing_tensors(
    client: MlflowClient, version: ModelVersion, lineage: Lineage, again: Rebuilt
) -> list[TensorDifference]:
    """Compare the generator with that of the version, which is downloaded if the hashes differ."""
    recorded, now = lineage.weights[GENERATOR_FILE], again.weights[GENERATOR_FILE]
    if recorded.tensors_sha256 == now.tensors_sha256:
        return []
    with downloaded(client, version) as model_dir:
        return differing_tensors(model_dir / GENERATOR_FILE, again.model_dir / GENERATOR_FILE)


def _certificate(
    version: ModelVersion,
    lineage: Lineage,
    again: Rebuilt,
    *,
    changes: Sequence[str],
    tensors: Sequence[TensorDifference],
) -> Certificate:
    then, now = lineage.training, again.training
    # On a cluster, the machines are known only now.
    changes = list(dict.fromkeys([*changes, *machine_changes(then.machines, now.machines)]))
    scores = score_rows(lineage.scores, again.scores)
    return Certificate(
        model=version.name,
        version=str(version.version),
        ended_s=time.time(),
        elapsed_s=again.elapsed_s,
        verdict=judge(
            lineage.weights,
            again.weights,
            tensors=tensors,
            scores=scores,
            why_no_bits=_why_no_bits(lineage, changes),
        ),
        commit=str(then.origin.commit),
        has_patch=then.origin.is_dirty,
        data_hash=then.data.data_hash,
        data=again.data,
        parent=again.parent,
        environment_changes=changes,
        machines=now.machines,
        recorded_weights=lineage.weights,
        rebuilt_weights=again.weights,
        tensors=tensors,
        scores=scores,
    )


def _why_no_bits(lineage: Lineage, changes: Sequence[str]) -> str | None:
    """Return why equal weights cannot be promised; None if they can."""
    if any(machine.gpu for machine in lineage.training.machines):
        return "a GPU computed"
    return "the environment has changed" if changes else None


def _write(project_dir: Path, certificate: Certificate) -> None:
    """Write the certificate to the project's folder, in place of an earlier one of the version."""
    path = project_dir / REPRODUCTIONS_DIR / f"{certificate.model}-{certificate.version}.json"
    write_json(path, asdict(certificate))
    write_text(path.with_suffix(".md"), certificate.as_markdown())
    logger.info("the certificate is %s", path.with_suffix(".md"))


def _log(client: MlflowClient, version: ModelVersion, certificate: Certificate) -> None:
    """Add the certificate to the run of the version, and set the version's tag."""
    time_text = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(certificate.ended_s))
    stem = (_ARTIFACTS / f"{version.name}-{version.version}-{time_text}").as_posix()
    client.log_dict(str(version.run_id), asdict(certificate), f"{stem}.json")
    client.log_text(str(version.run_id), certificate.as_markdown(), f"{stem}.md")
    client.set_model_version_tag(
        version.name, str(version.version), REPRODUCED_TAG, certificate.tag
    )
