"""The single findings of `spinn doctor`. Each looks at one thing, never raises, and knows its remedy."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

GIGABYTE = 1e9
EXTRAS = {"xarray": "netcdf export", "netCDF4": "netcdf export", "pyvista": "looking at VTKHDF files from Python"}


class Finding(NamedTuple):
    """One thing that was looked at; `essential` ones must be good."""

    name: str
    good: bool
    detail: str
    fix: str = ""
    essential: bool = True

    @property
    def broken(self) -> bool:
        """Whether spinn cannot work before this is mended."""
        return self.essential and not self.good


def examination() -> list[Finding]:
    """All findings; one whose examination itself fails counts as not good."""
    looks: tuple[Callable[[], Finding], ...] = (
        python, packages, devices, double_precision, matrix_product, cache, here, disk, threads, extras,
    )  # fmt: skip
    return [_guarded(look) for look in looks]


def _guarded(look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except Exception as error:
        name = look.__name__.replace("_", " ")
        return Finding(name, False, f"{type(error).__name__}: {error}", "pip install --force-reinstall spinn-pde")


def python() -> Finding:
    """The interpreter and the machine."""
    detail = f"{platform.python_version()} on {platform.system()} {platform.release()}, {platform.machine()}"
    return Finding("python", True, detail)


def packages() -> Finding:
    """Versions of what results depend on; a required package that is missing is fatal."""
    from spinn.files.environment import PACKAGES, versions

    found = versions()
    missing = [name for name in PACKAGES if name not in found and name != "spinn-pde"]
    detail = ", ".join(f"{name} {version}" for name, version in found.items())
    if missing:
        detail = f"missing: {', '.join(missing)}; found: {detail}"
    return Finding("packages", not missing, detail, f"pip install {' '.join(missing)}")


def devices() -> Finding:
    """What jax computes on; a GPU that it does not see is worth a note."""
    import jax

    seen = jax.devices()
    detail = ", ".join(f"{device.platform}:{device.id} ({device.device_kind})" for device in seen)
    unseen = _has_nvidia() and all(device.platform == "cpu" for device in seen)
    if unseen:
        detail += "; there is an NVIDIA GPU that jax does not see"
    return Finding("devices", not unseen, detail, 'pip install "jax[cuda13]", and unset JAX_PLATFORMS', essential=False)


def _has_nvidia() -> bool:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        answer = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and "GPU" in answer.stdout


def double_precision() -> Finding:
    """float64 works on the default device."""
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        kept = jnp.asarray(1.0) + 1e-12
        good = kept.dtype == jnp.float64 and float(kept) != 1.0
    detail = "float64 works" if good else "float64 results come out in single precision"
    return Finding("double precision", good, detail, "use a CPU or an NVIDIA GPU: JAX_PLATFORMS=cpu")


def matrix_product(size: int = 512) -> Finding:
    """A float32 matrix product is as accurate as float32 allows, and how fast it is."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    generator = np.random.default_rng(0)
    left, right = generator.standard_normal((2, size, size)).astype(np.float32)
    product = jax.jit(jnp.matmul)
    found = np.asarray(product(left, right).block_until_ready())
    start = time.perf_counter()
    for _ in range(5):
        product(left, right).block_until_ready()
    speed = 5 * 2 * size**3 / (time.perf_counter() - start) / 1e9
    truth = left.astype(np.float64) @ right.astype(np.float64)
    error = float(np.linalg.norm(found - truth) / np.linalg.norm(truth))
    good = error < 1e-5  # TensorFloat-32 gives about 3e-4
    return Finding(
        "matrix product", good, f"relative error {error:.0e} in float32, {speed:.0f} GFLOP/s",
        "products are rounded to fewer digits: set JAX_DEFAULT_MATMUL_PRECISION=highest", essential=False,
    )  # fmt: skip


def cache() -> Finding:
    """Reference solutions are kept in the user's cache folder."""
    from spinn.pdes._cache import cache_folder

    folder = cache_folder()
    good = _writable(folder)
    fix = "set SPINN_CACHE to a folder that you may write; references are computed anew each time until then"
    return Finding("cache folder", good, f"{folder}{'' if good else ' is not writable'}", fix, essential=False)


def here() -> Finding:
    """Runs go to ./runs."""
    folder = Path.cwd()
    good = _writable(folder)
    fix = "change to a folder of your own, or give --out"
    return Finding("current folder", good, f"{folder}{'' if good else ' is not writable'}", fix, essential=False)


def _writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def disk() -> Finding:
    """Space for runs."""
    free = shutil.disk_usage(Path.cwd()).free
    return Finding("disk", free > GIGABYTE, f"{free / GIGABYTE:.1f} GB free here",
                   "free some space, or give --out on another disk", essential=False)  # fmt: skip


def threads() -> Finding:
    """Cores that this process may use, and settings that limit them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [
        f"{name}={os.environ[name]}" for name in ("OMP_NUM_THREADS", "XLA_FLAGS", "JAX_PLATFORMS") if name in os.environ
    ]
    return Finding("threads", True, ", ".join([f"{cores} cores", *limits]))


def extras() -> Finding:
    """Optional packages."""
    words = []
    for name, use in EXTRAS.items():
        if importlib.util.find_spec(name) is None:
            words.append(f"{name} missing ({use})")
        else:
            words.append(f"{name} {importlib.metadata.version(name)}")
    return Finding("optional", True, ", ".join(words))
