"""Does a PDE definition make sense? It is run once on fields without values and once on shapes; mistakes are told in
the user's own file and line.
"""

import ast
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from spinn.config.diagnosis import class_line, condition_failure, in_words, method_line, remedy, several, source_file
from spinn.config.explain import nearest
from spinn.config.user_code import line_in
from spinn.errors import SpinnError
from spinn.pdes import PDE, Condition, Face, Field, Local, derivative_orders
from spinn.pdes._order import OrderProbe
from spinn.pdes._points import point_coordinates, point_fields

POINTS = 7  # of the trial run on shapes: a length that no parameter array is likely to have


def check_definition(pde: PDE) -> dict[str, int]:
    """The highest derivative order by coordinate, as `spinn.pdes.derivative_orders`, once the definition is sound.

    **Raises:** SpinnError, with the user's file and line where there is one, for wrong arguments of a method, a
    residual that returns nothing, no field or the wrong shape, a derivative along a misspelt coordinate, a condition
    on an unknown or face that does not exist, an initial condition on a steady problem.
    """
    check = _Check(pde)
    check.names()
    fields = {name: OrderProbe(pde.coordinates, {}) for name in pde.unknowns}
    coordinates = {name: OrderProbe(pde.coordinates, {}, constant=True) for name in pde.coordinates}
    check.arguments("residual", (*pde.unknowns, *pde.coordinates))
    check.residual(check.run("residual", lambda: pde.residual(*fields.values(), *coordinates.values())))
    check.conditions(fields, coordinates)
    if pde.has_exact:
        check.arguments("exact", pde.coordinates)
        check.exact(check.run("exact", lambda: pde.exact(*coordinates.values())))
    if type(pde).derived is not PDE.derived:
        check.arguments("derived", pde.unknowns)
        check.derived(check.run("derived", lambda: pde.derived(*fields.values())))
    check.shapes()
    return derivative_orders(pde)


class _Check:
    """The single checks of one PDE; each raises SpinnError."""

    def __init__(self, pde: PDE):
        self.pde = pde
        self.name = type(pde).__name__
        self.file: Path | None = source_file(type(pde))

    def fail(self, message: str, line: int | None) -> SpinnError:
        """The error at a line of the PDE's file."""
        return SpinnError(f"{self.name}{message}", file=self.file, line=line)

    def run(self, method: str, call: Callable[[], Any], inside: type[ast.AST] | None = None) -> Any:
        """The result of a method, its failure told where it happened, or else at the first statement `inside`."""
        try:
            return call()
        except Exception as error:
            raise self.broken(method, error, inside) from error

    def broken(self, method: str, error: Exception, inside: type[ast.AST] | None = None) -> SpinnError:
        """A failure inside a method, at the innermost line of the PDE's file."""
        line = None if self.file is None else line_in(error, self.file)
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        return self.fail(f".{method}: {kind}{text}{remedy(error)}", line or method_line(type(self.pde), method, inside))

    def names(self) -> None:
        """Coordinates and unknowns are tuples of distinct names."""
        for what in ("coordinates", "unknowns"):
            value = getattr(self.pde, what)
            if isinstance(value, str) or not value or not all(isinstance(item, str) for item in value):
                example = "('u',)" if what == "unknowns" else "('t', 'x')"
                raise self.fail(f": expected {what} as a tuple of names such as {example}, got {value!r}", self.line())
        names = (*self.pde.unknowns, *self.pde.coordinates)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise self.fail(f": expected every unknown and coordinate once, got {', '.join(twice)} twice", self.line())

    def line(self) -> int | None:
        """The line of the class statement."""
        return class_line(type(self.pde))

    def arguments(self, method: str, expected: tuple[str, ...]) -> None:
        """A method takes the unknowns and coordinates that it is called with."""
        signature = inspect.signature(getattr(self.pde, method))
        try:
            signature.bind(*expected)
        except TypeError:
            wanted, got = ", ".join(("self", *expected)), ", ".join(("self", *map(str, signature.parameters.values())))
            message = f".{method}: expected the arguments ({wanted}), got ({got})"
            raise self.fail(message, method_line(type(self.pde), method)) from None

    def residual(self, result: Any) -> None:
        """The residual is a field, or several."""
        line = method_line(type(self.pde), "residual", ast.Return)
        if result is None:
            start = method_line(type(self.pde), "residual")
            raise self.fail(".residual: expected a field (left side minus right side), got nothing; "
                            "is its `return` missing?", start)  # fmt: skip
        parts = result if isinstance(result, Mapping) else dict(enumerate(several(result)))
        if not parts:
            raise self.fail(".residual: expected at least one field, got none", line)
        for key, part in parts.items():
            which = "" if len(parts) == 1 else f" as part {key}"
            if not isinstance(part, Field):
                raise self.fail(f".residual: expected a field{which}, got {in_words(part)}; build it from the unknowns "
                                f"{', '.join(self.pde.unknowns)} and their derivatives", line)  # fmt: skip
        if all(isinstance(part, OrderProbe) and part.constant for part in parts.values()):
            raise self.fail(".residual: expected an expression in the unknowns "
                            f"{', '.join(self.pde.unknowns)}, got one of the coordinates only", line)  # fmt: skip

    def conditions(self, unknowns: Mapping[str, Any], coordinates: Mapping[str, Any]) -> None:
        """Every condition can be written down on this domain."""
        found = self.run("conditions", self.pde.conditions)
        start = method_line(type(self.pde), "conditions")
        if not isinstance(found, list | tuple):
            raise self.fail(f".conditions: expected a list of conditions, got {in_words(found)}", start)

        def at(face: Face | None) -> Local:
            if face is not None and face.axis not in self.pde.coordinates:
                axes = ", ".join(self.pde.coordinates)
                raise ValueError(f"face of axis '{face.axis}': expected one of the axes {axes}")
            return Local(unknowns, coordinates)

        for condition in found:
            if not isinstance(condition, Condition):
                got = in_words(condition)
                raise self.fail(f".conditions: expected conditions such as Dirichlet(...), got {got}", start)
            line = method_line(type(self.pde), "conditions", type(condition).__name__)
            self.condition(condition, at, line)

    def condition(self, condition: Condition, at: Callable[[Face | None], Local], line: int | None) -> None:
        """One condition: its unknown exists, its faces exist, its value can be computed."""
        kind = type(condition).__name__
        if isinstance(condition.unknown, str) and condition.unknown not in self.pde.unknowns:
            known = ", ".join(self.pde.unknowns)
            got = f"'{condition.unknown}'{nearest(condition.unknown, self.pde.unknowns)}"
            raise self.fail(f".conditions: {kind}: expected one of the unknowns {known}, got {got}", line)
        try:
            result = condition.residuals(at, self.pde.domain)
        except Exception as error:
            inside = None if self.file is None else line_in(error, self.file)
            message = f".conditions: {condition_failure(kind, error)}{remedy(error)}"
            raise self.fail(message, inside or line) from error
        for name, field in result.items():
            if not isinstance(field, Field):
                raise self.fail(f".conditions: {name}: expected a field, got {in_words(field)}", line)

    def exact(self, result: Any) -> None:
        """The exact solution has one expression an unknown."""
        count, wanted = len(several(result)), len(self.pde.unknowns)
        if result is not None and count != wanted:
            line = method_line(type(self.pde), "exact", ast.Return)
            raise self.fail(f".exact: expected {wanted} expression{'s' * (wanted > 1)} "
                            f"({', '.join(self.pde.unknowns)}), got {count}", line)  # fmt: skip

    def derived(self, result: Any) -> None:
        """Derived quantities are fields by name."""
        line = method_line(type(self.pde), "derived", ast.Return)
        if not isinstance(result, Mapping) or not all(isinstance(field, Field) for field in result.values()):
            raise self.fail(f".derived: expected a dict of named fields, got {in_words(result)}", line)

    def shapes(self) -> None:
        """Run on points, the residual has one value a point. Nothing is computed: shapes are traced."""
        pde, count = self.pde, len(self.pde.coordinates)

        def trial(*arrays: jax.Array) -> dict[str, Any]:
            points = dict(zip(pde.coordinates, arrays, strict=True))
            unknowns = point_fields(_trial_solution(pde.unknowns), pde.unknowns, points)
            fields = pde.residuals(unknowns, point_coordinates(**points))
            return {name: getattr(field, "value", field) for name, field in fields.items()}

        shaped = [jax.ShapeDtypeStruct((POINTS,), jnp.float32)] * count
        # fields compute when asked for their value: the failure is then no longer inside the method
        found = self.run("residual", lambda: jax.eval_shape(trial, *shaped), ast.Return)
        for name, value in found.items():
            if value.shape not in ((POINTS,), (1,)):
                line = method_line(type(pde), "residual", ast.Return)
                raise self.fail(f".residual: {name}: expected one value a point, shape ({POINTS},) at {POINTS} points, "
                                f"got shape {value.shape}; combine fields with numbers and fields only, "
                                "not with arrays of another shape", line)  # fmt: skip


def _trial_solution(unknowns: tuple[str, ...]) -> Callable[..., dict[str, Any]]:
    """Some smooth function of all coordinates for every unknown."""

    def solution(*coordinates: Any) -> dict[str, Any]:
        phase = sum(coordinates[1:], start=coordinates[0])
        return {name: jnp.sin(phase + index) for index, name in enumerate(unknowns)}

    return solution
