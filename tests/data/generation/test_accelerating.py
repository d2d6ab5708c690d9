"""Pieces solved side by side: as right, as complete and as reproducible as one by one; and where that is refused."""

import concurrent.futures

import jax
import numpy as np
import pytest

from spinn.data import (
    Advection1D,
    ConvectionDiffusion2D,
    Darcy2D,
    Darcy3D,
    GaussianField,
    Helmholtz2D,
    LogNormal,
    Matern,
    Poisson2D,
    RandomField,
    Thermal2D,
    from_pde,
)
from spinn.data.formats.native import Dataset
from spinn.data.generation import choosing, generate, verify
from spinn.data.generation.accelerating import timed
from spinn.errors import SpinnError
from spinn.pdes import PDE, Box, Dirichlet, Periodic
from spinn.solvers.batched import BatchedCG, cg

CG = "batched-poisson-cg"
# One eigenvalue of the Laplacian lies below k^2: indefinite, but not by so many that GCRO-DR stagnates.
LONG_WAVES = Helmholtz2D(
    grid=(17, 13), wave_number=RandomField(GaussianField(Matern(nu=1.5, length=0.2), "neumann"), LogNormal(6.0, 0.1))
)


class StoppedError(Exception):
    pass


class Tube(PDE):
    r"""Screened Poisson equation:  -Lap u + k u = 1,  periodic along x, u = 0 at the ends of y."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    k: float = 1.0

    def residual(self, u, x, y):
        return -u.d("xx") - u.d("yy") + self.k * u - 1.0

    def conditions(self):
        return [Periodic("x"), Dirichlet("u", faces=("y",))]


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """The bytes of an uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "d.h5"
    generate(recipe(solver=CG), out)
    return out.read_bytes()


@pytest.mark.parametrize(
    ("family", "solver", "method"),
    [
        (Darcy2D(grid=(17, 17)), CG, "batched_cg"),
        (Darcy2D(grid=(17, 17)), "batched-scaled-poisson-cg", "batched_cg"),
        (Darcy3D(grid=(9, 8, 7)), CG, "batched_cg"),
        (Poisson2D(grid=(17, 13)), CG, "batched_cg"),
        (ConvectionDiffusion2D(grid=(17, 13)), "batched-gcrodr", "batched_gcrodr"),
        (LONG_WAVES, "batched-gcrodr", "batched_gcrodr"),
        (Darcy2D(grid=(17, 17), order=4), "batched-gcrodr", "batched_gcrodr"),
    ],
)
def test_samples_hold_their_tolerance_and_the_file_names_the_solver(recipe, tmp_path, family, solver, method):
    made = recipe(family=family, solver=solver, samples=7)
    result = generate(made, tmp_path / "d.h5")
    assert (result.samples, result.failures, result.solver) == (7, {}, solver)
    found = verify(tmp_path / "d.h5", family, share=1.0)
    assert found.good and 0 < found.worst < 1e-8
    with Dataset(tmp_path / "d.h5") as data:
        assert (data.attributes["solver"], list(data.attributes["methods"])) == (solver, [method])
        assert data.file["samples/iterations"][:].min() > 0


def test_samples_are_those_of_a_direct_solver(recipe, tmp_path, whole):
    (tmp_path / "whole.h5").write_bytes(whole)
    generate(recipe(), tmp_path / "d.h5")
    with Dataset(tmp_path / "d.h5") as data, Dataset(tmp_path / "whole.h5") as other:
        for one, two in zip(data.rows(), other.rows(), strict=True):
            np.testing.assert_array_equal(one.fields["a"], two.fields["a"])
            size = np.abs(one.fields["u"]).max()
            np.testing.assert_allclose(one.fields["u"], two.fields["u"], atol=1e-6 * size)


def test_a_run_that_was_stopped_resumes_to_the_same_bytes(recipe, tmp_path, whole):
    def stop(done):
        if done.samples >= 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        generate(recipe(solver=CG), tmp_path / "d.h5", progress=stop)
    generate(recipe(solver=CG), tmp_path / "d.h5", resume=True)
    assert (tmp_path / "d.h5").read_bytes() == whole


def test_processes_and_threads_give_the_same_bytes(recipe, tmp_path, whole):
    generate(recipe(solver=CG), tmp_path / "d.h5", workers=2)
    assert (tmp_path / "d.h5").read_bytes() == whole
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        generate(recipe(solver=CG), tmp_path / "d.h5", executor=pool, overwrite=True)
    assert (tmp_path / "d.h5").read_bytes() == whole


def test_one_program_serves_all_pieces(recipe, tmp_path):
    before = cg._solve._cache_size()
    generate(recipe(solver=CG, family=Darcy2D(grid=(10, 13)), samples=9), tmp_path / "d.h5")  # pieces of 4, 4 and 1
    assert cg._solve._cache_size() == before + 1


@pytest.mark.parametrize("kind", ["nan", "zero", "raises"])
def test_what_cannot_be_solved_is_left_out_and_moves_nothing(recipe, trouble, tmp_path, whole, kind):
    (tmp_path / "whole.h5").write_bytes(whole)
    result = generate(recipe(family=trouble(i3=kind, i9=kind), solver=CG), tmp_path / "d.h5")
    assert set(result.failures) == {3, 9} and result.samples == 8
    with Dataset(tmp_path / "d.h5") as data, Dataset(tmp_path / "whole.h5") as other:
        rows = {row.index: row for row in other.rows()}
        for row in data.rows():
            np.testing.assert_array_equal(row.fields["u"], rows[row.index].fields["u"])


def test_a_program_that_lies_is_not_believed_and_a_direct_solver_helps(recipe, tmp_path, monkeypatch):
    true = BatchedCG.solve

    def lying(self, *arguments):
        x, info = true(self, *arguments)
        return x * np.array([1.0, 1.0 + 1e-5, 1.0, 1.0])[:, None, None], info

    monkeypatch.setattr(BatchedCG, "solve", lying)
    assert generate(recipe(solver=CG), tmp_path / "d.h5").failures == {}
    with Dataset(tmp_path / "d.h5") as data:
        assert list(data.attributes["methods"]) == ["batched_cg", "superlu"]
        assert data.file["samples/method"][:].tolist() == [0, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert verify(tmp_path / "d.h5", recipe().family, share=1.0).good


def test_waves_that_are_too_short_for_it_are_solved_directly(recipe, tmp_path):
    generate(recipe(family=Helmholtz2D(grid=(17, 13)), solver="batched-gcrodr"), tmp_path / "d.h5")
    with Dataset(tmp_path / "d.h5") as data:
        assert len(data) == 10 and "superlu" in data.attributes["methods"]
    assert verify(tmp_path / "d.h5", Helmholtz2D(grid=(17, 13)), share=1.0).good


def test_a_batch_that_fails_as_a_whole_is_told(recipe, tmp_path, monkeypatch):
    def starved(*_):
        raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(BatchedCG, "solve", starved)
    with pytest.raises(SpinnError, match="failed on 4 systems side by side .*out of memory.*smaller piece"):
        generate(recipe(solver=CG), tmp_path / "d.h5")


@pytest.mark.parametrize(
    ("family", "solver", "why"),
    [
        (Advection1D(), CG, "evolves in time"),
        (Thermal2D(), CG, "not solved on a uniform grid; choose auto, or one of: .*superlu"),
        (from_pde(Tube(), {"k": (1, 2)}, (9, 9)), CG, "periodic along x"),
        (Darcy2D(grid=(9, 9), order=4), CG, "not known to be .*definite; choose auto, or one of: .*batched-gcrodr"),
        (Helmholtz2D(grid=(9, 9)), "batched-scaled-poisson-cg", "not known to be symmetric and positive definite"),
        (Darcy2D(grid=(9, 9)), "batched-poison-cg", "no solver batched-poison-cg .*choose from: .*batched-poisson-cg"),
    ],
)
def test_families_that_do_not_suit_are_told_what_does(recipe, tmp_path, family, solver, why):
    with pytest.raises(SpinnError, match=why):
        generate(recipe(family=family, solver=solver), tmp_path / "d.h5")
    assert not list(tmp_path.iterdir())


def test_they_are_tried_on_accelerators_only(recipe, monkeypatch):
    auto = recipe(solver="auto")
    assert not any(name.startswith("batched") for name in choosing.choose(auto).trial)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert {CG, "batched-scaled-poisson-cg", "batched-gcrodr"} <= set(choosing.choose(auto).trial)
    monkeypatch.setattr(choosing, "timed", lambda solvers, systems, tolerance: dict.fromkeys(solvers, 1e-9))
    assert choosing.choose(auto).name == CG
    monkeypatch.setattr(choosing, "timed", lambda solvers, systems, tolerance: dict.fromkeys(solvers, 1e9))
    assert not choosing.choose(auto).name.startswith("batched")
    mesh = recipe(family=Thermal2D(grid=(16, 16)), solver="auto")
    assert not any(name.startswith("batched") for name in choosing.choose(mesh).trial)


def test_a_solver_that_fails_in_the_trial_is_not_chosen(recipe, monkeypatch):
    system = choosing.system_of(recipe(), 0)
    solvers = choosing.side_by_side(recipe(), system, choosing.stopping_of(recipe()))
    assert set(timed({CG: solvers[CG]}, [system] * 2, 1e-8)) == {CG}
    assert timed({CG: solvers[CG]}, [system] * 2, 1e-12) == {}

    def starved(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(BatchedCG, "solve", starved)
    assert timed({CG: solvers[CG]}, [system] * 2, 1e-8) == {}
