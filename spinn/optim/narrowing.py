"""A function of float64 arrays, such as the derivative of a residual at a point, as one of float32 arrays.

The operations are read off its jaxpr and applied to rounded numbers. What the function has closed over (tables of
features, coefficients of the linearised residual) was computed in float64 and is rounded once, so that both versions
share all that was derived from it, orthonormal bases included; rounded arrays are made once, outside of any loop.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

WIDE, NARROW = np.dtype("float64"), np.dtype("float32")
# Calls of a function that is known as a jaxpr, by the name of the parameter that holds it; they are done in line.
CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "custom_jvp_call": "call_jaxpr"}


def narrow(tree: Any) -> Any:
    """A tree with its float64 arrays rounded to float32."""
    return jax.tree.map(lambda leaf: leaf.astype(NARROW) if leaf.dtype == WIDE else leaf, tree)


def narrowed(function: Callable[[Any], Any], example: Any) -> Callable[[Any], Any]:
    """The function in float32, for arguments of the shapes of `example`.

    Loops stay in float64, between roundings.
    """
    closed, result = jax.make_jaxpr(function, return_shape=True)(example)
    constants = narrow([jnp.asarray(constant) for constant in closed.consts])
    tree = jax.tree.structure(result)

    def evaluate(argument: Any) -> Any:
        return jax.tree.unflatten(tree, _evaluated(closed.jaxpr, constants, jax.tree.leaves(narrow(argument))))

    return evaluate


def _evaluated(jaxpr: Any, constants: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments], strict=True))

    def value(atom: Any) -> Any:
        if not isinstance(atom, core.Literal):
            return known[atom]
        return atom.val.astype(NARROW) if getattr(atom.val, "dtype", None) == WIDE else atom.val

    for equation in jaxpr.eqns:
        found = _applied(equation, [value(atom) for atom in equation.invars])
        known.update(zip(equation.outvars, found, strict=True))
    return [value(atom) for atom in jaxpr.outvars]


def _applied(equation: Any, arguments: list[Any]) -> list[Any]:
    """The results of one operation."""
    primitive, parameters = equation.primitive, equation.params
    if primitive.name in CALLS:
        return _branch(parameters[CALLS[primitive.name]], *arguments)
    if primitive.name == "cond":
        index, *rest = arguments
        branches = [functools.partial(_branch, branch) for branch in parameters["branches"]]
        return list(jax.lax.switch(index, branches, *rest))
    if any(True for _ in _functions(parameters)):
        wide = [jnp.asarray(a, atom.aval.dtype) for a, atom in zip(arguments, equation.invars, strict=True)]
        found = primitive.bind(*wide, **parameters)
        return list(narrow(found if primitive.multiple_results else [found]))
    rounded = {name: NARROW if _is_wide(value) else value for name, value in parameters.items()}
    found = primitive.bind(*arguments, **rounded)
    return list(found) if primitive.multiple_results else [found]


def _branch(inner: Any, *arguments: Any) -> list[Any]:
    """A function that an operation holds."""
    return _evaluated(inner.jaxpr, narrow([jnp.asarray(constant) for constant in inner.consts]), arguments)


def _functions(parameters: dict[str, Any]) -> Any:
    """The jaxprs among the parameters of an operation."""
    for value in parameters.values():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, (core.Jaxpr, core.ClosedJaxpr)):
                yield one


def _is_wide(value: Any) -> bool:
    return isinstance(value, (np.dtype, type)) and value == WIDE
