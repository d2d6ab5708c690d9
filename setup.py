"""Which folders are which packages: four of the library's folders stand at the root of the repository.

Everything else about the project is said in pyproject.toml. This file exists because a list of packages that is found
by looking and a map from folders to names cannot both be written there.
"""

from setuptools import find_packages, setup

FOLDERS = {
    "spinn": "spinn",
    "spinn.pdes": "pdes",
    "spinn.solvers": "solvers",
    "spinn.data": "data",
    "spinn.examples": "examples",
}

setup(
    packages=[
        name
        for package, folder in FOLDERS.items()
        for name in (package, *(f"{package}.{inner}" for inner in find_packages(folder)))
    ],
    package_dir=FOLDERS,
)
