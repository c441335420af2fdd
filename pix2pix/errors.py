"""The errors that a user, a file or a disk can cause; entry points show them without traceback."""

from typing import Any


class UserError(ValueError):
    """A file, a parameter or a command is wrong, and the user can correct it.

    The message names the file or the parameter, its value, and what to do. Entry points show it
    without a traceback. Exceptions other than UserError and StorageError are defects of this
    program or of its environment, and are shown with a traceback.

    `for_sender` is the message for whoever sends an image to a trained model, and cannot change its
    parameters; None: the same message. Where it is about the image it has no subject, as in "has 4
    channels".
    """

    def __init__(self, message: object, *, for_sender: str | None = None) -> None:
        super().__init__(message)
        self.for_sender = str(message) if for_sender is None else for_sender


class StorageError(OSError):
    """A disk or an object store failed to read or write; the message names the path or URI.

    `errno` may be set after it was made, and says whether trying again may help.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # An OSError that is sent to another process loses an errno that is not among its arguments.
        reduced = super().__reduce__()
        assert isinstance(reduced, tuple)
        return *reduced[:2], {**vars(self), "errno": self.errno}
