"""Running code from a user's Python file, and telling where in that file it failed."""

import hashlib
import importlib.util
import sys
import traceback
import types
from pathlib import Path

from spinn.errors import SpinnError


def import_file(file: Path) -> types.ModuleType:
    """The module in a Python file, freshly run; its folder can be imported from while it runs.

    **Raises:** SpinnError with file and line for a syntax error or for anything that the file raises.
    """
    file = file.resolve()
    name = f"spinn_user_{file.stem}_{hashlib.sha1(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise SpinnError("expected a Python file ending in .py", file=file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while a class is made
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        place = Path(error.filename or file)
        message = f"expected valid Python, got a mistake: {error.msg}"
        code = f" in `{error.text.strip()}`" if error.text else ""
        raise SpinnError(message + code, file=place, line=error.lineno) from None
    except UnicodeDecodeError:
        raise SpinnError("expected Python source in UTF-8, got other bytes", file=file) from None
    except Exception as error:
        raise failed(error, file, "while this file was imported") from error
    finally:
        sys.path.remove(str(file.parent))
    return module


def failed(error: BaseException, file: Path | None, what: str) -> SpinnError:
    """The error told at the innermost line of the user's file that took part in it."""
    message = f"{what}: {type(error).__name__}: {error}" if str(error) else f"{what}: {type(error).__name__}"
    return SpinnError(message, file=file, line=None if file is None else line_in(error, file))


def line_in(error: BaseException, file: Path) -> int | None:
    """The line of `file` in the innermost frame of the error's traceback that lies in it."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(file) or Path(frame.filename).resolve() == file.resolve()
    ]
    return lines[-1] if lines else None
