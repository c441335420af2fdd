"""The other kept epochs of a training (`train.keep_best_checkpoints`) as logged models of its run.

The best epoch is the logged model that `register` makes a version of.
"""

from pathlib import Path

from mlflow import MlflowClient

from pipelines.registry.logged_model import link_metrics, log_model
from pix2pix.inference import Images
from pix2pix.model_card import load_card


def log_kept_epochs(client: MlflowClient, run_id: str, kept_dir: Path, *, example: Images) -> None:
    """Log each model folder in `kept_dir` once, with the scores of its epoch.

    `example` is one source image (H, W, C).
    """
    run = client.get_run(run_id)
    outputs = [] if run.outputs is None else run.outputs.model_outputs
    logged = {client.get_logged_model(output.model_id).name for output in outputs}
    for model_dir in sorted(kept_dir.glob("*")):
        card = load_card(model_dir)
        name = f"epoch-{card.epoch}"
        if name not in logged:
            model = log_model(client, run, model_dir, name=name, card=card, example=example)
            link_metrics(client, run, model_id=model.model_id, epoch=card.epoch, is_evaluated=False)
