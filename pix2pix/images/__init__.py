"""Single images: decoding and encoding files, resizing, and picture grids for people to look at.

Imports only `config`, `files` and `errors`; data sets of images live in `preparation` and `data`.
Start reading with `image`.
"""
