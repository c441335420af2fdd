"""A local file system in which a file that Ray copies is complete or does not exist.

Ray copies the state of an experiment into its storage every few seconds, over the copy before. An
object store shows the new object when it is complete. On a local file system a process that is
killed while it copies would leave half a file, and the experiment could not go on.
"""

import io
import uuid
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem as FsspecLocal
from pyarrow import PythonFile
from pyarrow.fs import FileSystem, FSSpecHandler, LocalFileSystem, PyFileSystem


def with_whole_files(filesystem: FileSystem) -> FileSystem:
    """Return the file system, or for a local one its like in which files are renamed when whole."""
    if isinstance(filesystem, LocalFileSystem):
        return PyFileSystem(_Renaming(FsspecLocal()))
    return filesystem


class _Renaming(FSSpecHandler):  # type: ignore[misc]
    def open_output_stream(self, path: str, metadata: Any) -> PythonFile:  # noqa: ARG002
        return PythonFile(_Unfinished(Path(path)), mode="w")


class _Unfinished(io.BufferedWriter):
    """A file that gets its name when it is closed, if all could be written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        self._is_whole = True
        super().__init__(io.FileIO(self._partial, "xb"))

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            self._is_whole = False
            raise

    def close(self) -> None:
        if self.closed:
            return
        try:
            super().close()
            if self._is_whole:
                self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)
