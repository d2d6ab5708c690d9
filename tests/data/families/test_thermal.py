"""The heated plate: a harmonic function on an irregular mesh."""

import numpy as np
import pytest
import scipy.sparse.linalg as sla

from spinn.data import Thermal2D
from spinn.data.families.thermal import HOLES, assembled, plate_mesh


def area(mesh) -> float:
    a, b, c = (mesh.points[mesh.triangles[:, i]] for i in range(3))
    return float(np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum() / 2)


def solved(family, parameters):
    system = family.system(parameters)
    return system, sla.spsolve(system.matrix.tocsc(), system.rhs)


def test_the_mesh_covers_the_plate() -> None:
    for points in (24, 60):
        mesh = plate_mesh((points, points), 0)
        holes = sum(np.pi * radius**2 for *_, radius in HOLES)
        assert area(mesh) == pytest.approx(1 - holes, abs=20 / points**2)
        assert len(np.unique(mesh.triangles)) == len(mesh.points)  # no node is left over


def test_the_default_size_is_that_of_the_paper() -> None:
    assert 10_000 < len(Thermal2D().mesh.points) < 12_500


def test_a_sample_is_solved_and_bounded_by_its_edges() -> None:
    family = Thermal2D(grid=(24, 24))
    parameters = family.parameters(0, 3)
    assert -100 <= parameters["left"] <= 0 <= parameters["right"] <= 100
    system, x = solved(family, parameters)
    A = system.matrix.toarray()
    assert np.allclose(A, A.T, atol=1e-12) and np.linalg.eigvalsh(A).min() > 0
    fields = family.fields(parameters, x)
    assert family.residual(parameters, fields) < 1e-11
    assert family.residual(family.parameters(0, 4), fields) > 1e-2
    assert fields["u"].min() >= parameters["left"] - 1e-9 and fields["u"].max() <= parameters["right"] + 1e-9
    assert fields["u"].shape == family.axes["x"].shape
    assert family.features(parameters).shape == (2,)


def test_as_much_heat_comes_in_as_goes_out_and_the_flux_converges() -> None:
    """The dissipation u^T K u is the conductance: it decreases to its limit at second order in the mesh width."""
    conductance = []
    for points in (20, 40, 80):
        family = Thermal2D(grid=(points, points))
        _, x = solved(family, {"left": np.asarray(0.0), "right": np.asarray(1.0)})
        parts = assembled(family.grid, 0)
        into_right = parts.to_right @ (x - 1)  # rows of the whole matrix sum to zero, and u = 1 on the edge
        out_of_left = -parts.to_left @ x
        assert into_right == pytest.approx(out_of_left, rel=1e-9)
        conductance.append(out_of_left)
    steps = -np.diff(conductance)
    assert steps[0] > 2.5 * steps[1] > 0, conductance
    assert 0.5 < conductance[-1] < 1.0
