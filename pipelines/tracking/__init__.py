"""Runs in MLflow: followed while they run, completed from the files afterwards."""
