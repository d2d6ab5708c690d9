"""Figures: one for everything, drawn from the right numbers, for every shape of problem."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from spinn.output.colours import error_scale, field_scale
from spinn.output.figures import draw_solution, relative_l2
from spinn.output.plane_image import draw_image
from spinn.output.slices import plane


def problem(names: str, n: int = 7) -> tuple[dict[str, np.ndarray], np.ndarray]:
    axes = {name: np.linspace(0, 1, n + i) for i, name in enumerate(names)}
    grids = np.meshgrid(*axes.values(), indexing="ij")
    return axes, np.prod([np.cos(3 * g + i) for i, g in enumerate(grids)], axis=0)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("x", ["u.png"]),
        ("t", ["u.png"]),
        ("xy", ["u.png"]),
        ("tx", ["u.png", "u_profiles.png"]),
        ("txy", ["u.png"]),
        ("xyz", ["u.png"]),
        ("txyz", ["u.png", "u_planes.png"]),
    ],
)
def test_every_shape_of_problem_is_drawn(tmp_path: Path, names: str, expected: list[str]) -> None:
    axes, u = problem(names)
    paths = draw_solution(axes, {"u": u}, {"u": u + 1e-3}, tmp_path)
    assert [path.name for path in paths] == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == expected
    for path in paths:
        image = imread(path)
        assert image.shape[0] > 200
        assert image.shape[1] > 400
        assert image[..., :3].std() > 0.05  # not a blank page


def test_without_truth_there_is_less_to_draw(tmp_path: Path) -> None:
    axes, u = problem("txy")
    (alone,) = draw_solution(axes, {"u": u}, None, tmp_path / ".")
    height = imread(alone).shape[0]
    (compared,) = draw_solution(axes, {"u": u}, {"u": u}, tmp_path)
    assert imread(compared).shape[0] > 2 * height


def test_values_that_are_no_numbers_are_drawn_around(tmp_path: Path) -> None:
    axes, u = problem("xy")
    u[2, 3] = np.nan
    u[0, 0] = np.inf
    assert draw_solution(axes, {"u": u, "v": np.full_like(u, np.nan)}, {"u": u}, tmp_path)


def test_constants_uneven_axes_and_single_times_are_drawn(tmp_path: Path) -> None:
    gauss = np.polynomial.legendre.leggauss(6)[0]
    axes = {"t": np.array([0.5]), "x": gauss, "y": np.array([0.0, 0.1, 7.0])}
    constant = np.full((1, 6, 3), 2.0)
    (path,) = draw_solution(axes, {"u": constant}, {"u": constant}, tmp_path)
    assert path.is_file()


def test_an_image_holds_the_plane_upright() -> None:
    axes = {"x": np.linspace(0, 1, 5), "y": np.linspace(0, 2, 9)}
    values = np.add.outer(axes["x"], 10 * axes["y"])
    panel = Figure().subplots()
    image = draw_image(panel, axes, plane(axes, ("x", "y"), {}, ()), values, field_scale([values]))
    np.testing.assert_allclose(image.get_array(), values.T)
    assert image.origin == "lower"
    assert image.get_extent() == pytest.approx((-0.125, 1.125, -0.125, 2.125))
    assert panel.get_xlim() == (0, 1)
    assert panel.get_ylim() == (0, 2)


def test_uneven_points_are_drawn_where_they_lie() -> None:
    axes = {"x": np.array([0.0, 0.1, 1.0]), "y": np.linspace(0, 1, 4)}
    values = np.add.outer(axes["x"], axes["y"])
    panel = Figure().subplots()
    image = draw_image(panel, axes, plane(axes, ("x", "y"), {}, ()), values, error_scale(values))
    shown = np.asarray(image.get_array())
    np.testing.assert_allclose(shown, np.add.outer(axes["y"], np.linspace(0, 1, 6)), atol=1e-12)


def test_the_state_of_matplotlib_is_left_alone(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    axes, u = problem("xy")
    draw_solution(axes, {"u": u}, None, tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_drawing_needs_no_pyplot(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys, numpy as np; from pathlib import Path; from spinn.output.figures import draw_solution;"
        f"draw_solution({{'x': np.arange(3.), 'y': np.arange(3.)}}, {{'u': np.eye(3)}}, None, Path({str(tmp_path)!r}));"
        "sys.exit('matplotlib.pyplot' in sys.modules or 'jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_relative_l2() -> None:
    assert relative_l2(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == 1
    assert np.isnan(relative_l2(np.ones(2), np.zeros(2)))


def test_misfits_are_refused(tmp_path: Path) -> None:
    axes, u = problem("xy")
    with pytest.raises(ValueError, match="expected shape"):
        draw_solution(axes, {"u": u.T}, None, tmp_path)
