"""What training and evaluation read: prepared arrays, their manifest, splits, augmentation.

Knows image files only as arrays. Start with `prepared`, then `loader`.
"""
