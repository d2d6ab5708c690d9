"""The one place that writes files: each appears whole under its name or not at all.

Content goes to a hidden temporary file in the same folder, is flushed to the disk, and takes the place of the old file
in one step (`os.replace`). A process killed at any moment leaves the old file, or the new one, never half of either.
"""

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from spinn.errors import SpinnError
from spinn.files.forgiving import Forgiving
from spinn.files.plain import plain

if TYPE_CHECKING:
    import h5py

TEMPORARY = ".*.tmp"  # what a killed process may leave behind

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space, or write somewhere else with --out",
    errno.EDQUOT: "the disk quota is used up; free some space, or write somewhere else with --out",
    errno.EFBIG: "the file grew over the size allowed; raise the limit (ulimit -f), or write a smaller output grid",
    errno.EACCES: "permission denied; make the folder writable, or write somewhere else with --out",
    errno.EPERM: "permission denied; make the folder writable, or write somewhere else with --out",
    errno.EROFS: "the file system is read-only; write somewhere else with --out",
    errno.EISDIR: "a folder has this name; remove it, or write somewhere else with --out",
    errno.ENOENT: "the folder does not exist; create it first",
    errno.ENOTDIR: "a part of the path is a file, not a folder; write somewhere else with --out",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def out_of_space(error: BaseException) -> bool:
    """Whether what went wrong on writing, or what it comes from, is that no space is left."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        found = found.__cause__
    return False


def explain(error: BaseException, path: Path) -> SpinnError:
    """What went wrong on writing `path`, as the error that users see."""
    number = error.errno if isinstance(error, OSError) else None
    remedy = _REMEDIES.get(number or 0)
    if remedy is None:
        remedy = f"{error}; check the disk, or write somewhere else with --out"
    return SpinnError(f"could not write: {remedy}", file=path)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` for the caller to fill; on a clean exit it takes the place of `path`.

    **Raises:** SpinnError for anything that the system refuses; `path` is then as it was, and nothing is left behind.
    """
    target = Path(os.path.realpath(path))  # through a link, so that the link stays one
    temporary = target.with_name(f".{target.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        # Created here with the user's umask (tempfile would give mode 0600, and the result would keep it).
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        _flush(temporary)
        os.replace(temporary, target)
        _flush_folder(target.parent)
    except OSError as error:
        raise explain(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the system can flush folders (Windows cannot)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, line ends as they are; bytes that came in undecoded go out escaped."""
    write_bytes(path, content.encode("utf-8", errors="backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; numpy numbers become plain ones, NaN and infinities null.

    **Raises:** TypeError for a value that JSON has no form for; SpinnError from the system.
    """
    content = json.dumps(plain(value, finite=True), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, content + "\n")


def write_yaml(path: Path, value: Any, *, comment: str = "") -> None:
    """Write `value` as block-style YAML in the order given; `comment` lines go on top."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    write_text(path, head + yaml.safe_dump(plain(value), sort_keys=False, allow_unicode=True, width=100))


@contextlib.contextmanager
def writing_hdf5(path: Path) -> Iterator["h5py.File"]:
    """An open HDF5 file that appears under `path` once the block has ended well.

    **Raises:** SpinnError for what the system refuses, also when HDF5 reports it as a RuntimeError on closing.
    """
    import h5py

    with replacing(path) as temporary, contextlib.closing(Forgiving(temporary)) as disk:
        file = h5py.File(disk, "w")
        try:
            yield file
        except BaseException as error:
            with contextlib.suppress(OSError, RuntimeError):
                file.close()
            # HDF5 has trouble of its own with what the disk has dropped: the disk is to blame.
            if disk.error is not None and isinstance(error, Exception):
                raise explain(disk.error, path) from disk.error
            raise
        try:
            file.close()
        except RuntimeError as error:
            raise explain(disk.error or error, path) from error
        if disk.error is not None:
            raise explain(disk.error, path) from disk.error
