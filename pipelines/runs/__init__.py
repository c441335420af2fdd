"""The state of unfinished work: in a folder on a disk or an object store, with one owner.

Imports pyarrow, but none of the tools. Start with `state`, then `folder` and `checkpoints`.
"""
