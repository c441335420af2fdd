"""Commands that end with their caller, signals, locks, lines of progress; whether a server answers.

Imports no tool and no other package of the pipeline. Start with `shell`, then `guardian`.
"""
