"""A least-squares system whose dense form is at hand: -Laplacian plus a multiple, on random features."""

import functools

import numpy as np
import pytest

from spinn.tensortrain import block


@pytest.fixture
def system():
    """`make(axes, rows, columns, terms, ...)` gives the block, the dense matrix and the dense data."""

    def make(axes=3, rows=7, columns=4, terms=2, seed=0, consistent=True):
        draws = np.random.default_rng(seed)
        values = [np.linalg.qr(draws.standard_normal((rows, columns)))[0] for _ in range(axes)]
        bent = [value @ np.diag(1.0 + 3.0 * np.arange(columns)) for value in values]
        pairs = [[value, second] for value, second in zip(values, bent, strict=True)]
        operator = [(1.0, [int(i == k) for i in range(axes)]) for k in range(axes)] + [(0.5, [0] * axes)]
        matrix = sum(c * functools.reduce(np.kron, [p[n] for p, n in zip(pairs, which, strict=True)])
                     for c, which in operator)  # fmt: skip
        if consistent:  # the data of a solution of `terms` products
            factors = [draws.standard_normal((columns, terms)) for _ in range(axes)]
            solution = sum(functools.reduce(np.kron, [f[:, r] for f in factors]) for r in range(terms))
            vectors, known = [[] for _ in range(axes)], []
            for r in range(terms):
                for c, which in operator:
                    known.append((c, [len(vectors[0])] * axes))
                    for axis in range(axes):
                        vectors[axis].append(pairs[axis][which[axis]] @ factors[axis][:, r])
        else:
            vectors = [[draws.standard_normal(rows) for _ in range(terms)] for _ in range(axes)]
            known, solution = [(1.0, [r] * axes) for r in range(terms)], None
        data = sum(c * functools.reduce(np.kron, [v[n] for v, n in zip(vectors, which, strict=True)])
                   for c, which in known)  # fmt: skip
        return block(pairs, operator, vectors, known, values), matrix, data, solution

    return make
