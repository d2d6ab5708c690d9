"""Any flax module, linen or nnx, as the body of an axis network or as a whole point-wise network."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from spinn.errors import SpinnError
from spinn.networks.bodies import ExternalBody


def flax_function(module: Any, inputs: int, *, key: PRNGKeyArray) -> tuple[Any, Callable[[Any, Array], Array]]:
    """Parameters and `function(parameters, x)` of a flax module that maps (points, inputs) to (points, features).

    **Arguments:** `module` is a flax.linen module (initialised here with `key`) or a flax.nnx module (as it stands).

    **Raises:** SpinnError for anything else, or if the module keeps state such as batch statistics.
    """
    from flax import linen, nnx  # imported here: flax is slow to import and few runs need it

    if isinstance(module, linen.Module):
        variables = module.init(key, jnp.zeros((1, inputs)))
        extra = [name for name in variables if name != "params"]
        if extra:
            raise SpinnError(f"flax module {type(module).__name__} keeps {', '.join(extra)}; only 'params' can be used")

        def applied(parameters: Any, x: Array) -> Any:
            return module.apply({"params": parameters}, x)

        return variables["params"], applied
    if isinstance(module, nnx.Module):
        graph, parameters, *rest = nnx.split(module, nnx.Param, ...)

        def function(parameters: Any, x: Array) -> Array:
            return nnx.merge(graph, parameters, *rest)(x)

        return parameters, function
    raise SpinnError(f"expected a flax.linen or flax.nnx module, got {type(module).__name__}; use spinn's own bodies")


def flax_body(module: Any, *, key: PRNGKeyArray) -> ExternalBody:
    """A flax module from (points, 1) to (points, features) as the body of one axis."""
    parameters, function = flax_function(module, 1, key=key)
    shape = jax.eval_shape(lambda x: function(parameters, x), jax.ShapeDtypeStruct((2, 1), jnp.zeros(()).dtype)).shape
    if len(shape) != 2 or shape[0] != 2:
        raise SpinnError(f"a body must map (points, 1) to (points, features); this module maps (2, 1) to {shape}")
    return ExternalBody(parameters, function, shape[1])
