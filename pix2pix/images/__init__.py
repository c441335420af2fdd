"""Single images: decoding and encoding files, resizing, and picture grids for people to look at.

Data sets of images live in `preparation` and `data`.
Start reading with `image`.
"""
