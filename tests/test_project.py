"""The project as a whole: what is installed, and that annotations are checked while tests run."""

import importlib.metadata
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import jaxtyping
import pytest

import spinn
import spinn.pdes
from spinn.optim.soap import preconditioned_modes, scale_by_soap

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "spinn": "spinn",
    "spinn.pdes": "pdes",
    "spinn.solvers": "solvers",
    "spinn.data": "data",
    "spinn.examples": "examples",
}


@pytest.mark.parametrize(("package", "folder"), FOLDERS.items())
def test_root_folders_are_importable_under_one_name(package: str, folder: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert Path(spec.origin).parent == ROOT / folder


def test_they_are_importable_from_another_folder(tmp_path: Path) -> None:
    code = f"import {', '.join(FOLDERS)}; print(len(spinn.pdes.available()))"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(found.stdout) == len(spinn.pdes.available()) > 0


def test_every_folder_with_python_files_is_a_package() -> None:
    """A folder without `__init__.py` would be left out of the wheel without a word."""
    for folder in FOLDERS.values():
        for file in (ROOT / folder).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), f"{file.parent.relative_to(ROOT)} lacks an __init__.py"


def test_the_version_is_that_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert spinn.__version__ == importlib.metadata.version("spinn-pde") == project["version"]


def test_annotations_are_checked_in_every_root_folder() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        preconditioned_modes((3, 3), "1024")
    with pytest.raises(jaxtyping.TypeCheckError):
        spinn.pdes.get(7)


def test_an_integer_passes_for_a_float() -> None:
    assert scale_by_soap(b1=0, b2=0).init({}).step == 0


def test_readme_names_the_command_that_ci_runs() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("python3 -m venv") and line.endswith("-m pytest")]
