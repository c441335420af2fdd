"""One image: from the bytes of a file to values and back, its scale, pictures for people.

Imports nothing of data sets. Start with `image`.
"""
