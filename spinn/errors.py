"""The one exception that users are meant to see: what was expected, what was got, what to do."""

from pathlib import Path


class SpinnError(Exception):
    """A mistake in input or surroundings, told with its remedy, and with file and line where there is one."""

    def __init__(self, message: str, *, file: str | Path | None = None, line: int | None = None):
        self.message = message
        self.file = None if file is None else str(file)
        self.line = line
        place = "" if self.file is None else f"{self.file}:{line}: " if line is not None else f"{self.file}: "
        Exception.__init__(self, place + message)
