"""Measurements of training speed, and a model that projects them to clusters."""
