"""Prefect flows: when and where stages run, with which parameters, and what becomes of a result.

Imports Prefect, and neither torch, Ray nor MLflow: all work is done by processes that it starts.
Start with `train_pix2pix`.
"""

import warnings

# A section of params.yaml is called as a method of pydantic's models is; Prefect copes with that.
warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)
