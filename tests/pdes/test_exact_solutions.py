"""Every shipped PDE with an exact solution: all hold to rounding, and fail for a wrong coefficient."""

import dataclasses
from typing import Any

import pytest

from spinn import pdes
from spinn.pdes import PDE, available, check_exact, check_solution, derivative_orders

ROUNDING = 2e-12
DETECTED = 1e-4

WITH_EXACT = [name for name in available() if pdes.get(name)().has_exact]
NUMBERS = [
    (name, key) for name in WITH_EXACT for key, v in pdes.get(name)().parameters.items() if type(v) in (int, float)
]

OTHER_PARAMETERS = [
    ("advection", {"beta": 30.0}),
    ("advection", {"beta": -2.5, "waves": 3}),
    ("beltrami_3d", {"nu": 0.02}),
    ("beltrami_3d", {"a": 0.785, "d": 1.571}),
    ("flow_mixing_2d", {"vmax": 0.2}),
    ("flow_mixing_2d", {"sharpness": 2.0}),
    ("heat", {"kappa": 2.0}),
    ("heat", {"kappa": 0.01, "amplitude": 0.0, "mode": 7}),
    ("heat_four_terms", {"a": -2.0, "b": 2.0, "c": 0.0, "d": -1.0}),
    ("reaction", {"rho": 1.0}),
    ("reaction", {"rho": 15.0}),
    ("helmholtz_3d", {"a1": 1.0, "a2": 2.0, "a3": 5.0, "k": 3.0}),
    ("helmholtz_3d", {"a1": 1.5, "k": 0.0}),
    ("klein_gordon_2d", {"k": 0.7}),
    ("klein_gordon_2d", {"k": 9.1}),
    ("klein_gordon_3d", {"k": 3.3}),
    ("klein_gordon_3d", {"k": 0.0}),
    ("navier_stokes_3d", {"nu": 1.0}),
    ("navier_stokes_3d", {"nu": 0.001}),
    ("poisson_2d", {"waves_x": 3, "waves_y": 2, "detail": 1.5}),
    ("poisson_2d", {"detail": 0.0}),
    ("poisson_5d", {"waves": 3, "mix": 0.0}),
    ("poisson_10d", {"skew": 0.0}),
    ("wave", {"c": 0.3}),
    ("wave", {"c": 5.0, "amplitude": 2.0, "mode": 7}),
]

OTHER_DOMAINS = [
    ("advection", {"t": (1.0, 3.0), "x": (-1.0, 1.0)}),
    ("beltrami_3d", {"t": (1.0, 1.5), "y": (0.0, 3.0)}),
    ("flow_mixing_2d", {"t": (0.0, 1.0), "x": (-2.0, 3.0)}),
    ("heat", {"t": (0.5, 2.0), "x": (-3.0, 4.0)}),
    ("helmholtz_3d", {"x": (0.0, 1.3)}),
    ("klein_gordon_2d", {"t": (2.0, 5.0), "y": (0.0, 4.0)}),
    ("klein_gordon_3d", {"t": (-1.0, 1.0), "z": (0.0, 4.0)}),
    ("navier_stokes_3d", {"t": (1.0, 2.0)}),
    ("poisson_5d", {"x2": (-1.0, 4.0), "x5": (2.0, 3.0)}),
    ("poisson_2d", {"x": (-1.0, 4.0), "y": (2.0, 3.0)}),
    ("wave", {"t": (2.0, 4.0), "x": (0.0, 7.0)}),
]


def label(case: Any) -> str:
    return ",".join(f"{key}={value}" for key, value in case.items()) if isinstance(case, dict) else str(case)


def assert_consistent(pde: PDE) -> None:
    wrong = {name: size for name, size in check_exact(pde).items() if not size < ROUNDING}
    assert wrong == {}


def changed(value: float) -> float:
    """Another value of a parameter, of the same type."""
    return value + 1 if isinstance(value, int) else 1.25 * value + 0.01


def with_source_of(original: PDE, parameters: dict[str, Any]) -> PDE:
    """The PDE with other parameters in its residual, but driven by the source of the original."""
    cls = type(original)
    driven = {
        name: staticmethod(getattr(original, name)) for name in ("source", "force") if name in vars(cls)
    }  # a bound method: it keeps the original's parameters
    wrong = type(f"Wrong{cls.__name__}", (cls,), {**driven, "__module__": cls.__module__})
    return wrong(domain=original.domain, **parameters)


@pytest.mark.parametrize("name", WITH_EXACT)
def test_exact_solution_satisfies_equation_and_conditions(name: str) -> None:
    assert_consistent(pdes.get(name)())


@pytest.mark.parametrize("name", WITH_EXACT)
def test_other_points_agree(name: str) -> None:
    found = check_exact(pdes.get(name)(), samples=37, seed=5)
    assert max(found.values()) < ROUNDING


@pytest.mark.parametrize(("name", "parameters"), OTHER_PARAMETERS, ids=label)
def test_other_parameters(name: str, parameters: dict[str, Any]) -> None:
    assert_consistent(pdes.get(name)(**parameters))


@pytest.mark.parametrize(("name", "key"), NUMBERS)
def test_every_parameter_may_change(name: str, key: str) -> None:
    original = pdes.get(name)()
    assert_consistent(dataclasses.replace(original, **{key: changed(original.parameters[key])}))


@pytest.mark.parametrize(("name", "intervals"), OTHER_DOMAINS, ids=label)
def test_other_domains(name: str, intervals: dict[str, tuple[float, float]]) -> None:
    cls = pdes.get(name)
    assert_consistent(cls(domain=cls().domain.replace(**intervals)))


@pytest.mark.parametrize(("name", "key"), NUMBERS)
def test_wrong_parameter_is_detected(name: str, key: str) -> None:
    """Change a parameter and keep the solution, and then also the source: the equation or a condition must fail."""
    original = pdes.get(name)()
    parameters = {**original.parameters, key: changed(original.parameters[key])}
    solution_kept = check_solution(dataclasses.replace(original, **parameters), original.exact_solution)
    source_kept = check_solution(with_source_of(original, parameters), original.exact_solution)
    assert max(*solution_kept.values(), *source_kept.values()) > DETECTED


@pytest.mark.parametrize("name", WITH_EXACT)
def test_perturbed_solution_is_detected(name: str) -> None:
    """Each of the first two unknowns, changed by a thousandth of a smooth function of all coordinates."""
    pde = pdes.get(name)()
    for unknown in pde.unknowns[:2]:

        def perturbed(*coordinates: Any, unknown: str = unknown) -> dict[str, Any]:
            exact = pde.exact_solution(*coordinates)
            change = sum(pdes.sin(coordinate + 0.3) for coordinate in coordinates)
            return {**exact, unknown: exact[unknown] + 1e-3 * change}

        assert max(check_solution(pde, perturbed).values()) > 1e-5


@pytest.mark.parametrize("name", available())
def test_knows_its_solution(name: str) -> None:
    pde = pdes.get(name)()
    assert pde.has_exact or pde.has_reference


@pytest.mark.parametrize("name", available())
def test_is_described_and_posed(name: str) -> None:
    pde = pdes.get(name)()
    assert len(pde.describe()) > 20
    assert pde.conditions()
    assert set(pde.residual_weights()) <= {"residual", *ORDERS_RESIDUALS.get(name, ())}


ORDERS_RESIDUALS = {
    "beltrami_3d": ("momentum_x", "momentum_y", "momentum_z", "divergence"),
    "navier_stokes_3d": ("vorticity_x", "vorticity_y", "vorticity_z", "divergence"),
    "navier_stokes_2d": ("vorticity", "divergence"),
}

ORDERS = {
    "heat_four_terms": {"t": 1, "x": 2},
    "kdv_solitons": {"t": 1, "x": 3},
    "reaction": {"t": 1, "x": 0},
    "square_source_2d": {"x": 2, "y": 2},
    "advection": {"t": 1, "x": 1},
    "allen_cahn": {"t": 1, "x": 2},
    "beltrami_3d": {"t": 1, "x": 2, "y": 2, "z": 2},
    "burgers": {"t": 1, "x": 2},
    "diffusion_2d": {"t": 1, "x": 2, "y": 2},
    "flow_mixing_2d": {"t": 1, "x": 1, "y": 1},
    "heat": {"t": 1, "x": 2},
    "helmholtz_3d": {"x": 2, "y": 2, "z": 2},
    "kdv": {"t": 1, "x": 3},
    "klein_gordon_2d": {"t": 2, "x": 2, "y": 2},
    "klein_gordon_3d": {"t": 2, "x": 2, "y": 2, "z": 2},
    "multiscale_helmholtz_2d": {"x": 2, "y": 2},
    "navier_stokes_2d": {"t": 1, "x": 3, "y": 3},
    "navier_stokes_3d": {"t": 1, "x": 3, "y": 3, "z": 3},
    "poisson_2d": {"x": 2, "y": 2},
    "poisson_5d": {f"x{i}": 2 for i in range(1, 6)},
    "poisson_10d": {f"x{i}": 2 for i in range(1, 11)},
    "two_materials": {"x": 2, "y": 2},
    "wave": {"t": 2, "x": 2},
}


@pytest.mark.parametrize("name", available())
def test_derivative_orders(name: str) -> None:
    assert derivative_orders(pdes.get(name)()) == ORDERS[name]
