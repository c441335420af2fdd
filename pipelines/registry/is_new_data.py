"""Write whether the prepared data is new, i.e. no registered model was trained on it.

Run this after the stage `prepare`. A scheduled flow run ends early if the data is not new.
"""

import logging

from mlflow import MlflowClient

from pipelines.entrypoint import run
from pipelines.json_files import write_json
from pipelines.paths import NEW_DATA_PATH, PREPARED_DIR
from pipelines.registry.data_use import versions_on
from pipelines.tracking.connection import connected
from pipelines.tracking.uri import tracking_uri
from pix2pix.config import load_params
from pix2pix.data.manifest import load_manifest

logger = logging.getLogger(__name__)


def known_run(client: MlflowClient, *, experiment: str, model: str, data_hash: str) -> str | None:
    """The latest finished run in `experiment` on that data with a version of `model`, or None."""
    mlflow_experiment = client.get_experiment_by_name(experiment)
    versions = versions_on(client, data_hash)
    trained = {each.run_id for each in versions if each.name == model and each.run_id}
    if mlflow_experiment is None or not trained:
        return None
    run_ids = ", ".join(f"'{run_id}'" for run_id in sorted(trained))
    found = client.search_runs(
        [mlflow_experiment.experiment_id],
        f"attributes.run_id IN ({run_ids}) and attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return str(found[0].info.run_id) if found else None


def main() -> None:
    """Read params.yaml and the manifest of data/prepared, write reports/new_data.json."""
    params = load_params()
    data_hash = load_manifest(PREPARED_DIR).data_hash
    with connected(tracking_uri()) as client:
        run_id = known_run(
            client,
            experiment=params.register.experiment,
            model=params.registered_name,
            data_hash=data_hash,
        )
    is_new = run_id is None
    write_json(NEW_DATA_PATH, {"data_hash": data_hash, "is_new": is_new, "run_id": run_id})
    logger.info("the data is %s", "new" if is_new else f"that of run {run_id}")


if __name__ == "__main__":
    run(main)
