"""References on disk: hit, miss, damage, folders that refuse; and refinement until two resolutions agree."""

import dataclasses

import numpy as np
import platformdirs
import pytest

from spinn.pdes import Reference
from spinn.pdes._cache import cache_folder, cache_path, cached, reference_key
from spinn.pdes._convergence import converged, relative_l2
from spinn.pdes._interpolation import chebyshev_nodes, fourier_nodes
from spinn.pdes.allen_cahn import AllenCahn
from spinn.pdes.burgers import Burgers

KEY = {"pde": "spinn.pdes.example.Example", "version": 1}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPINN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@dataclasses.dataclass
class Counted:
    """A computation that counts how often it runs."""

    runs: int = 0

    def __call__(self):
        self.runs += 1
        axes = {"t": chebyshev_nodes(4, 0.0, 1.0), "x": fourier_nodes(6, 0.0, 1.0)}
        values = {"u": np.random.default_rng(0).standard_normal((4, 6)), "v": np.full((4, 6), float(self.runs))}
        return Reference(axes, {"t": "chebyshev", "x": "fourier"}, values, digits=7.5)


def same(a, b):
    arrays = all(np.array_equal(a.values[name], b.values[name]) for name in b.values)
    nodes = all(np.array_equal(a.axes[axis], b.axes[axis]) for axis in b.axes)
    return arrays and nodes and dict(a.kinds) == dict(b.kinds) and a.digits == b.digits


def test_a_miss_computes_and_a_hit_does_not(folder):
    compute = Counted()
    first, second = cached(KEY, compute), cached(KEY, compute)
    assert compute.runs == 1
    assert same(first, second)
    assert [path.suffix for path in (folder / "references").iterdir()] == [".npz"]


def test_axes_keep_their_order(folder):
    cached(KEY, Counted())
    assert list(cached(KEY, Counted()).axes) == ["t", "x"]


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage", "shape"])
def test_a_damaged_file_is_replaced(folder, damage):
    compute = Counted()
    cached(KEY, compute)
    path = cache_path(KEY)
    content = path.read_bytes()
    if damage == "shape":
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **{**arrays, "value_u": arrays["value_u"][:2]})
    else:
        path.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "garbage": b"no archive"}[damage])
    with pytest.warns(UserWarning, match="cannot be read"):
        again = cached(KEY, compute)
    assert compute.runs == 2
    assert again.values["v"][0, 0] == 2.0
    assert same(cached(KEY, compute), again)
    assert compute.runs == 2


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("SPINN_CACHE", str(tmp_path / "file" / "below"))
    with pytest.warns(UserWarning, match="SPINN_CACHE"):
        assert cached(KEY, Counted()).digits == 7.5


def test_nothing_is_left_when_writing_fails(folder, monkeypatch):
    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr("spinn.pdes._cache.os.replace", refuse)
    with pytest.warns(UserWarning, match="disk full"):
        cached(KEY, Counted())
    assert list((folder / "references").iterdir()) == []


def test_nothing_is_written_when_the_computation_fails(folder):
    def broken():
        raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged"):
        cached(KEY, broken)
    assert not folder.exists()


def test_the_environment_variable_overrides_the_folder(folder, monkeypatch):
    assert cache_folder() == folder / "references"
    monkeypatch.delenv("SPINN_CACHE")
    assert str(cache_folder()).startswith(platformdirs.user_cache_dir("spinn"))


def test_the_key_knows_parameters_domain_resolution_and_version():
    pde = AllenCahn()
    longer = AllenCahn(domain=pde.domain.replace(t=(0, 2)))
    keys = [
        reference_key(pde, 1, points=8),
        reference_key(AllenCahn(nu=2e-4), 1, points=8),
        reference_key(longer, 1, points=8),
        reference_key(Burgers(), 1, points=8),
        reference_key(pde, 2, points=8),
        reference_key(pde, 1, points=9),
    ]
    assert len({cache_path(key) for key in keys}) == len(keys)
    assert cache_path(keys[0]) == cache_path(reference_key(AllenCahn(), 1, points=8))


def fourier_reference(count):
    """The interpolant of a smooth periodic function on `count` nodes."""
    x = fourier_nodes(count, 0.0, 2 * np.pi)
    return Reference({"x": x}, {"x": "fourier"}, {"u": 1 / (1.2 - np.cos(x))}, digits=0.0)


def test_refinement_stops_when_two_resolutions_agree():
    tried = []

    def solve(count):
        tried.append(count)
        return fourier_reference(count)

    result = converged(solve, (8, 16, 32, 64, 128), digits=4.0)
    x = np.linspace(0, 2 * np.pi, 400)
    error = relative_l2(result.on_grid({"x": x}), {"u": 1 / (1.2 - np.cos(x))})
    assert tried == [8, 16, 32, 64]  # the error falls by exp(-0.31) a node: 32 nodes have 4.3 digits
    assert error < 10**-result.digits
    assert 4.0 <= result.digits < 5.0


def test_refinement_that_runs_out_says_so():
    with pytest.warns(UserWarning, match="where 14 were wanted"):
        result = converged(fourier_reference, (8, 12, 16), digits=14.0)
    assert len(result.axes["x"]) == 16
    assert 0.5 < result.digits < 3


def test_refinement_needs_resolutions():
    with pytest.raises(ValueError, match="got none"):
        converged(fourier_reference, (), digits=3.0)
