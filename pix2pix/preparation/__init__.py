"""From a folder of pairs to prepared arrays: finding, checking, splitting, writing.

Imports `images` and `data`. Start with `prepare.prepare_pairs`.
"""
