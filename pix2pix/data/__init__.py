"""The data that training and evaluation read: prepared arrays, manifest, splits, augmentation.

Image files are read by `images` and `preparation`; this package reads only the arrays made of them.
Start reading with `prepared`, then `loader`.
"""
