"""From a folder of pairs to prepared arrays: finding, checking, splitting, writing.

Start with `prepare.prepare_pairs`.
"""
