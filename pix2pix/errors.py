"""The one kind of error that a person can cause, and so can mend."""


class UserError(ValueError):
    """A file, a parameter or a command is not as it must be.

    The message is one or more full sentences for the person at the console: it names the file or
    parameter, the value, and what to do. Entry points show it without a traceback. Every other
    exception is a defect of this program or of its environment, and keeps its traceback.
    """


class StorageError(OSError):
    """A disk or an object store failed to read or write; the message names the place."""
