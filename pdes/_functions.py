"""Elementary functions that act alike on fields, jax arrays, numpy arrays (float64 is kept) and numbers.

Write residuals, sources and exact solutions with these: `jnp.sin` knows arrays only, and a field keeps its derivatives
and its separable form through the functions here.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
import scipy.special

from spinn.pdes._field import Field


def elementwise(name: str, on_jax: Callable[[Any], Any], on_numpy: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of one argument that picks its implementation by the argument's type."""

    def function(value: Any) -> Any:
        if isinstance(value, Field):
            return value.apply(on_jax)
        return on_jax(value) if isinstance(value, jax.Array) else on_numpy(value)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}`, element by element, on a field, an array or a number."
    return function


sin = elementwise("sin", jnp.sin, np.sin)
cos = elementwise("cos", jnp.cos, np.cos)
tan = elementwise("tan", jnp.tan, np.tan)
exp = elementwise("exp", jnp.exp, np.exp)
log = elementwise("log", jnp.log, np.log)
sqrt = elementwise("sqrt", jnp.sqrt, np.sqrt)
sinh = elementwise("sinh", jnp.sinh, np.sinh)
cosh = elementwise("cosh", jnp.cosh, np.cosh)
tanh = elementwise("tanh", jnp.tanh, np.tanh)
absolute = elementwise("absolute", jnp.abs, np.abs)
sign = elementwise("sign", jnp.sign, np.sign)
erf = elementwise("erf", jax.scipy.special.erf, scipy.special.erf)


def where(condition: Any, true: Any, false: Any) -> Any:
    """`true` where the condition holds, `false` elsewhere; any argument may be a field, an array or a number."""
    for value, call in (
        (condition, lambda: condition.apply(jnp.where, true, false)),
        (true, lambda: true.apply(lambda t, c, f: jnp.where(c, t, f), condition, false)),
        (false, lambda: false.apply(lambda f, c, t: jnp.where(c, t, f), condition, true)),
    ):
        if isinstance(value, Field):
            return call()
    if any(isinstance(value, jax.Array) for value in (condition, true, false)):
        return jnp.where(condition, true, false)
    return np.where(condition, true, false)
