"""The verbs of the console command `pix2pix`: one module per verb that a person types.

A verb reads and writes the project's files and prints; what it does is a function of the packages
below, which Python callers use. Importing a verb imports no large library. Start with `check`.
"""
