"""Prefect flows: when and where stages run, with which parameters, and what becomes of a result."""
