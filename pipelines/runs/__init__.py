"""Where unfinished work is kept: a folder on a disk or an object store, with one owner.

Imports pyarrow for the stores, no tool. Start with `state`, then `folder` and `checkpoints`.
"""
