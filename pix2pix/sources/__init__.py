"""Raw pairs that are not a folder of the user: drawn by this project, or downloaded.

Imports `config`, `images` and `web`. Start with `synthetic` (drawn) or `archive` (downloaded).
"""
