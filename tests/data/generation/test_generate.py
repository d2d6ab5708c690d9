"""Whole datasets: right, complete, the same however they were made, and honest about what could not be."""

import concurrent.futures
import dataclasses
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool

import h5py
import numpy as np
import pytest
import scipy.sparse.linalg

from spinn.data import Burgers1D, Darcy2D
from spinn.data.formats.native import Dataset
from spinn.data.generation import generate
from spinn.data.generation.parts import Parts
from spinn.data.generation.piece import solve_piece
from spinn.errors import SpinnError
from spinn.files.atomic import write_json
from spinn.files.lock import locked
from spinn.solvers import Info, Status


class KilledError(Exception):
    pass


def killing(after):
    """A progress callback that ends the run once so many samples are done."""

    def tell(done):
        if done.samples >= after:
            raise KilledError

    return tell


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """The bytes of an uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "d.h5"
    generate(recipe(), out)
    return out.read_bytes()


def test_every_sample_solves_its_system(recipe, tmp_path):
    made = recipe()
    result = generate(made, tmp_path / "d.h5")
    assert (result.samples, result.failures, result.solver) == (10, {}, "superlu")
    with Dataset(tmp_path / "d.h5") as data:
        assert len(data) == 10 and data.inputs == ("a",) and data.outputs == ("u",)
        assert list(data.axes) == ["x", "y"]
        for index in (0, 7):
            parameters = made.family.parameters(0, index)
            system = made.family.system(parameters)
            exact = system.insert(scipy.sparse.linalg.spsolve(system.matrix.tocsc(), system.rhs))
            row = data.row(index)
            assert row.index == index and 0 < row.residual < 1e-8
            assert row.residual == system.residual(system.extract(row.fields["u"]))
            np.testing.assert_array_equal(row.fields["a"], parameters["a"])
            np.testing.assert_allclose(row.fields["u"], exact, atol=1e-10 * np.abs(exact).max())


def test_nothing_is_left_beside_the_file(recipe, tmp_path):
    generate(recipe(samples=3), tmp_path / "d.h5")
    assert os.listdir(tmp_path) == ["d.h5"]


@pytest.mark.parametrize("after", [4, 8, 10])
def test_a_run_that_was_stopped_resumes_to_the_same_bytes(recipe, tmp_path, whole, after):
    out = tmp_path / "d.h5"
    with pytest.raises(KilledError):
        generate(recipe(), out, progress=killing(after))
    assert not out.exists()
    told = []
    generate(recipe(), out, resume=True, progress=lambda done: told.append((done.samples, done.now)))
    assert out.read_bytes() == whole
    assert [samples - now for samples, now in told] == [after] * len(told)


def test_resuming_a_finished_file_does_nothing(recipe, tmp_path, whole):
    out = tmp_path / "d.h5"
    out.write_bytes(whole)
    assert generate(recipe(), out, resume=True).samples == 10
    with pytest.raises(SpinnError, match="finished dataset of other settings"):
        generate(recipe(seed=1), out, resume=True)


def test_executors_give_the_same_bytes(recipe, tmp_path, whole):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        generate(recipe(), tmp_path / "d.h5", executor=pool)
    assert (tmp_path / "d.h5").read_bytes() == whole


def test_processes_give_the_same_bytes(recipe, tmp_path, whole):
    generate(recipe(), tmp_path / "d.h5", workers=2)
    assert (tmp_path / "d.h5").read_bytes() == whole


def test_a_worker_that_dies_is_told(recipe, tmp_path):
    class Dead:
        def submit(self, *_):
            future = concurrent.futures.Future()
            future.set_exception(BrokenProcessPool("gone"))
            return future

    with pytest.raises(SpinnError, match="a worker process died .*--resume"):
        generate(recipe(), tmp_path / "d.h5", executor=Dead())


def test_a_sorted_chain_holds_the_same_samples(recipe, tmp_path, whole):
    generate(recipe(order="sorted"), tmp_path / "d.h5")
    (tmp_path / "whole.h5").write_bytes(whole)
    with Dataset(tmp_path / "d.h5") as data, Dataset(tmp_path / "whole.h5") as other:
        for one, two in zip(data.rows(), other.rows(), strict=True):
            assert one.index == two.index
            np.testing.assert_array_equal(one.fields["a"], two.fields["a"])
            np.testing.assert_allclose(one.fields["u"], two.fields["u"], rtol=1e-8, atol=1e-12)


def test_a_chain_is_stored_where_it_is_not_the_order_of_the_numbers(recipe, tmp_path):
    for order, stored in (("given", False), ("sorted", True)):
        made, parts = recipe(order=order), Parts(tmp_path / f"{order}.h5")
        with pytest.raises(KilledError):
            generate(made, parts.out, progress=killing(4))
        chain = parts.chain(made)
        assert parts.order.exists() == stored == (chain.tolist() != list(range(10))) and set(chain) == set(range(10))
        np.testing.assert_array_equal(parts.read(0).indices, chain[:4])
        generate(made, parts.out, resume=True)


def test_folders_begun_before_chains_could_be_left_out_are_resumed(recipe, tmp_path, whole):
    out = tmp_path / "d.h5"
    with pytest.raises(KilledError):
        generate(recipe(), out, progress=killing(4))
    parts = Parts(out)
    before = parts.manifest()
    del before["sorted"]
    write_json(parts.folder / "manifest.json", before)
    np.save(parts.order, np.arange(10))
    generate(recipe(), out, resume=True)
    assert out.read_bytes() == whole


def test_processes_give_the_same_bytes_with_folded_transforms(recipe, tmp_path):
    """Nothing that a process remembers (transforms, plans) may show in what it makes."""
    made = recipe(family=Darcy2D(grid=(100, 100)), samples=6, piece=2, solver="poisson-cg")
    generate(made, tmp_path / "one.h5")
    generate(made, tmp_path / "two.h5", workers=2)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_the_solver_is_chosen_and_said(recipe, tmp_path):
    told = []
    result = generate(recipe(solver="auto", samples=3), tmp_path / "d.h5", message=told.append)
    assert result.solver in told[0] and "trial" in told[0]


def test_a_solver_that_does_not_suit_is_refused(recipe, tmp_path):
    with pytest.raises(SpinnError, match="no solver multifrontal"):
        generate(recipe(solver="multifrontal"), tmp_path / "d.h5")
    assert os.listdir(tmp_path) == []


@dataclasses.dataclass(frozen=True)
class Liar:
    """Says that zero solves every system."""

    name: str = "liar"

    def solve(self, matrix, rhs, space=None, *, guess=None):
        return np.zeros_like(rhs), None, Info("liar", Status.CONVERGED, 1, 1, 0.0, 0.0)


def test_a_solver_is_not_believed(recipe):
    made = solve_piece(recipe(), np.array([2]), Liar())
    assert not made.indices.size and "the true residual is 1.0e+00" in made.failures[2]


@pytest.mark.parametrize("kind", ["nan", "zero", "raises"])
def test_what_cannot_be_solved_is_left_out_and_listed(recipe, trouble, tmp_path, kind):
    result = generate(recipe(family=trouble(i3=kind, i9=kind)), tmp_path / "d.h5")
    assert set(result.failures) == {3, 9} and result.samples == 8
    with Dataset(tmp_path / "d.h5") as data:
        assert [row.index for row in data.rows()] == [0, 1, 2, 4, 5, 6, 7, 8]
        assert set(data.attributes["failures"]) == {"3", "9"}
        assert all(np.isfinite(row.fields["u"]).all() for row in data.rows())


def test_no_file_where_no_sample_could_be_made(recipe, trouble, tmp_path):
    with pytest.raises(SpinnError, match="no sample could be made.*not finite"):
        generate(recipe(family=trouble(i0="nan", i1="nan"), samples=2), tmp_path / "d.h5", resume=True)
    assert not (tmp_path / "d.h5").exists()


def test_a_zero_right_side_has_a_zero_solution(recipe, tmp_path):
    generate(recipe(family=Darcy2D(grid=(9, 9), source=0.0), samples=2), tmp_path / "d.h5")
    with Dataset(tmp_path / "d.h5") as data:
        assert not np.any(data.row(0).fields["u"])


def test_files_and_pieces_that_are_there_are_not_overwritten(recipe, tmp_path, whole):
    out = tmp_path / "d.h5"
    out.write_bytes(whole)
    with pytest.raises(SpinnError, match="exists already"):
        generate(recipe(), out)
    assert out.read_bytes() == whole
    out.unlink()
    with pytest.raises(KilledError):
        generate(recipe(), out, progress=killing(4))
    with pytest.raises(SpinnError, match="was stopped"):
        generate(recipe(), out)
    with pytest.raises(SpinnError, match=r"seed: 0 there, 5 here"):
        generate(recipe(seed=5), out, resume=True)
    generate(recipe(), out, overwrite=True)
    assert out.read_bytes() == whole


def test_one_process_at_a_time(recipe, tmp_path):
    with locked(tmp_path / ".d.h5.lock"), pytest.raises(SpinnError, match="another process"):
        generate(recipe(), tmp_path / "d.h5")


def test_a_damaged_piece_is_told(recipe, tmp_path):
    out = tmp_path / "d.h5"
    with pytest.raises(KilledError):
        generate(recipe(), out, progress=killing(4))
    Parts(out).file(0).write_bytes(b"PK nonsense")
    with pytest.raises(SpinnError, match="damaged"):
        generate(recipe(), out, resume=True)


def test_trajectories_are_stored_with_their_times(recipe, tmp_path):
    family = Burgers1D(grid=(128,), frames=3)
    generate(recipe(family=family, samples=2, solver="auto"), tmp_path / "d.h5")
    with Dataset(tmp_path / "d.h5") as data:
        assert data.fields["u"].shape == (2, 3, 128) and list(data.axes) == ["t", "x"]
        assert data.row(1).residual < 1e-6
        np.testing.assert_allclose(data.row(0).fields["u"][0], data.row(0).fields["u0"], atol=1e-10)


def test_axes_are_dimension_scales(recipe, tmp_path):
    generate(recipe(samples=2), tmp_path / "d.h5")
    with h5py.File(tmp_path / "d.h5") as file:
        assert [dim.label for dim in file["outputs/u"].dims] == ["sample", "x", "y"]
        np.testing.assert_array_equal(file["outputs/u"].dims[1]["x"], np.linspace(0, 1, 17))


PROGRAM = """
import sys
from spinn.data import Darcy2D
from spinn.data.generation import Recipe, generate
if __name__ == "__main__":
    recipe = Recipe(family=Darcy2D(grid=(33, 33)), samples=200, piece=5, solver="superlu")
    generate(recipe, sys.argv[1], resume=True, workers=int(sys.argv[2]))
"""


@pytest.mark.slow
def test_twenty_kills_lead_to_the_same_bytes(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def run(out, workers=1):
        return subprocess.Popen([sys.executable, program, out, str(workers)], stderr=subprocess.DEVNULL)

    assert run(tmp_path / "whole.h5").wait() == 0
    wait = np.random.default_rng(0).uniform(0.0, 4.0, 20)
    for number, seconds in enumerate(wait):
        process = run(tmp_path / "d.h5", 1 + number % 2)
        time.sleep(3.0 + seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run(tmp_path / "d.h5").wait() == 0
    assert (tmp_path / "d.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_dask_gives_the_same_bytes(recipe, tmp_path, whole):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(2, processes=False, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        generate(recipe(), tmp_path / "d.h5", executor=client.get_executor(pure=False), workers=2)
    assert (tmp_path / "d.h5").read_bytes() == whole


def test_futures_of_another_kind_will_do(recipe, tmp_path, whole):
    class Now:
        def __init__(self, result):
            self.result = lambda: result

        def cancel(self):
            pass

    class Plain:
        def submit(self, function, *arguments):
            return Now(function(*arguments))

    generate(recipe(), tmp_path / "d.h5", executor=Plain())
    assert (tmp_path / "d.h5").read_bytes() == whole
