"""One process at a time writes a run: an advisory lock that the system lets go of when its holder dies.

The lock belongs to an open file, not to a number written in it, so a killed holder needs no clean-up and two processes
that find a dead one's file cannot both take it over. The number is there for the message only.
"""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from spinn.errors import SpinnError
from spinn.files.atomic import explain

_UNSUPPORTED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}  # some network file systems cannot lock
_FAR = 1 << 30  # Windows locks bytes against reading too: one beyond the text


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the duration of the block, and remove it at the end.

    **Raises:** SpinnError when another living process (or another part of this one) holds it.
    """
    descriptor = _acquire(path)
    try:
        with contextlib.suppress(OSError):  # a full disk: the number is for the message only
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps({"pid": os.getpid()}).encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)  # while it is held, so that nobody locks a file that is about to vanish unnoticed
        os.close(descriptor)


def _acquire(path: Path) -> int:
    """An open descriptor that holds the lock on the file which bears the name `path` now."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise explain(error, path) from error
        if not _try_lock(descriptor):
            os.close(descriptor)
            raise SpinnError(
                f"another process{_holder(path)} is writing this run; wait for it to end, "
                "stop it, or choose another folder with --out",
                file=path.parent,
            )
        # The holder before us may have unlinked the file between our open and our lock: then try the new name.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Whether the lock is ours now. A file system that knows no locks is taken to be ours."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _UNSUPPORTED
    return True


def _holder(path: Path) -> str:
    """Who holds the lock, for the message; nothing if that cannot be read."""
    try:
        return f" (pid {int(json.loads(path.read_text())['pid'])})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
