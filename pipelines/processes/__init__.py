"""Processes of this machine: commands that end with their caller, signals, locks.

Imports no tool and no other package of the pipeline. Start with `shell`, then `guardian`.
"""
