"""What artifacts are made of."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.flows.artifacts import mlflow_links, picture_url

REGISTRATION = {
    "model": "pix2pix-maps",
    "version": "3",
    "run_id": "abc",
    "experiment_id": "7",
}


def test_a_picture_travels_in_its_address_and_is_not_wider_than_needed(tmp_path: Path) -> None:
    pixels = np.zeros((100, 2400, 3), np.uint8)
    pixels[:, :1200] = (200, 30, 60)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    head, _, content = picture_url(tmp_path / "x.png").partition(",")
    assert head == "data:image/jpeg;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    assert shown.shape == (50, 1200, 3)
    assert np.abs(shown[:, :590].mean(axis=(0, 1)) - (200, 30, 60)).max() < 3
    assert shown[:, 610:].mean() < 3


def test_links_lead_to_a_server_and_to_nowhere_without_one() -> None:
    assert mlflow_links(REGISTRATION | {"tracking_uri": "http://h:5000/"}) == {
        "MLflow run": "http://h:5000/#/experiments/7/runs/abc",
        "Model version": "http://h:5000/#/models/pix2pix-maps/versions/3",
    }
    assert mlflow_links(REGISTRATION | {"tracking_uri": "HTTP://h:5000"})["MLflow run"] == (
        "HTTP://h:5000/#/experiments/7/runs/abc"
    )
    assert mlflow_links(REGISTRATION | {"tracking_uri": "sqlite:///x/mlflow.db"}) == {}
