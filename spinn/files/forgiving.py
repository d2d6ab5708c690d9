"""A file for HDF5 to write on, which never refuses: HDF5 1.14 ends the process where it cannot write on closing.

The first error is kept and all that comes after it dropped, so that HDF5 closes in good order; whoever opened the file
then looks at the error.
"""

import io
from pathlib import Path
from typing import Any


class Forgiving(io.RawIOBase):
    """The existing file `path`, open for reading and writing; `error` is the first thing that the system refused."""

    def __init__(self, path: Path):
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115 - closed by `close`
        self.error: OSError | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any, /) -> int:
        """What was dropped reads as zeros."""
        view = memoryview(buffer).cast("B")
        count = 0
        while count < len(view) and (got := self._file.readinto(view[count:])):
            count += got
        view[count:] = bytes(len(view) - count)
        return len(view)

    def write(self, content: Any, /) -> int:
        view, done = memoryview(content).cast("B"), 0
        try:
            while self.error is None and done < len(view):
                done += self._file.write(view[done:])
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return self._file.truncate(size) if self.error is None else size or 0
        except OSError as error:
            self.error = error
            return size or 0

    def close(self) -> None:
        self._file.close()
