"""In which order to solve systems: chains in which each is near the one before, by their parameters alone.

`greedy_chain` is the sorting of Wang, Hao, Wang, Geng, Wang, Li, Wu (2024): Accelerating data generation for neural
operators via Krylov subspace recycling, ICLR, Algorithm 1: from the first system on, always to the nearest that is
left, in the Frobenius norm. It compares all pairs, O(N^2 p). `chain` does nearly the same in about O(N p + N log N): it
walks in a few principal components, finds neighbours in a k-d tree, and then undoes detours within a window.
"""

import itertools

import numpy as np
from scipy.spatial import cKDTree

# Neighbours that are looked up at once for every system; rows that the principal components are estimated from.
NEIGHBOURS, SKETCHED = 12, 2000
# The k-d tree is built anew once fewer than this fraction of its points is left.
SPARSE = 0.5


def greedy_chain(parameters: np.ndarray) -> np.ndarray:
    """Order (N,) of systems with parameters (N, ...), by Algorithm 1. Equally near ones come in the order given."""
    points = _rows(parameters)
    left = np.arange(len(points))
    order = np.empty(len(points), dtype=np.intp)
    position = 0
    for step in range(len(points)):
        order[step] = current = left[position]
        left = np.delete(left, position)
        if left.size:
            position = int(np.argmin(np.sum((points[left] - points[current]) ** 2, axis=1)))
    return order


def chain(parameters: np.ndarray, *, features: int = 8, window: int = 100, seed: int = 0) -> np.ndarray:
    """Order (N,) of systems with parameters (N, ...): greedy in `features` principal components, then made shorter.

    `window`: how many consecutive systems may be turned round at once to shorten the path; 0 leaves it as it is.
    The same parameters and seed give the same order.
    """
    if features < 1 or window < 0:
        raise ValueError(f"expected features >= 1 and window >= 0, got {features} and {window}")
    points = principal_components(_rows(parameters), features, seed=seed)
    order = _walk(points)
    return _uncrossed(points, order, window) if window > 1 else order


def principal_components(points: np.ndarray, count: int, *, seed: int = 0) -> np.ndarray:
    """The first components (N, at most count) of points (N, p), from a random sketch of the rows.

    Halko, Martinsson, Tropp (2011): Finding structure with randomness, SIAM Review 53(2), algorithm 4.1.
    """
    if points.shape[1] <= count:
        return points
    rng = np.random.default_rng(seed)
    sample = points
    if len(points) > SKETCHED:
        sample = points[np.sort(rng.choice(len(points), SKETCHED, replace=False))]
    mean = sample.mean(axis=0)
    sketch = rng.standard_normal((count + 8, len(sample))) @ (sample - mean)
    basis = np.linalg.qr(sketch.T)[0]
    reduced = points @ basis - mean @ basis
    directions = np.linalg.eigh(reduced.T @ reduced)[1][:, ::-1]
    return reduced @ directions[:, :count]


def contiguous(order: np.ndarray, pieces: int) -> list[np.ndarray]:
    """An order (N,) cut into at most `pieces` runs whose lengths differ by one at most: a chain for every worker."""
    if pieces < 1:
        raise ValueError(f"expected at least 1 piece, got {pieces}")
    return np.array_split(order, min(pieces, max(len(order), 1)))


def path_length(parameters: np.ndarray, order: np.ndarray) -> float:
    """The sum of distances from each system to the next, in the Frobenius norm, with parameters (N, ...)."""
    points = _rows(parameters)
    return float(sum(np.linalg.norm(points[b] - points[a]) for a, b in itertools.pairwise(order)))


def _rows(parameters: np.ndarray) -> np.ndarray:
    """Parameters (N, ...) as float64 rows (N, p)."""
    points = np.asarray(parameters, dtype=np.float64)
    if points.ndim == 0 or not np.all(np.isfinite(points)):
        raise ValueError(
            f"expected finite parameters (N, ...), one row a system, got shape {points.shape}: leave out systems whose "
            "parameters are not finite"
        )
    return points.reshape(len(points), -1) if len(points) else np.empty((0, 1))


def _walk(points: np.ndarray) -> np.ndarray:
    """From the first point on, always to the nearest that is left."""
    count = len(points)
    if count < 2:
        return np.arange(count)
    known = min(NEIGHBOURS, count - 1)
    near = cKDTree(points).query(points, k=known + 1)[1].tolist()
    left = _Left(points)
    order = [0]
    left.take(0)
    for _ in range(count - 1):
        current = order[-1]
        following = next((other for other in near[current] if left.has[other]), -1)
        if following < 0:
            following = left.nearest(points[current])
        left.take(following)
        order.append(following)
    return np.array(order, dtype=np.intp)


class _Left:
    """The points not visited yet, in a k-d tree that is built anew as they get few."""

    def __init__(self, points: np.ndarray):
        self.points = points
        self.has = [True] * len(points)
        self.number = len(points)
        self._plant()

    def take(self, index: int) -> None:
        self.has[index] = False
        self.number -= 1

    def nearest(self, point: np.ndarray) -> int:
        if self.number < SPARSE * len(self.inside):
            self._plant()
        asked = 2 * NEIGHBOURS
        while True:
            _, found = self.tree.query(point, k=min(asked, len(self.inside)))
            for index in np.atleast_1d(found):
                if self.has[self.inside[index]]:
                    return int(self.inside[index])
            asked *= 4

    def _plant(self) -> None:
        self.inside = np.flatnonzero(self.has)
        self.tree = cKDTree(self.points[self.inside])


def _uncrossed(points: np.ndarray, order: np.ndarray, window: int) -> np.ndarray:
    """Turn round the runs whose ends then lie closer (2-opt: Croes 1958), of `window` systems at most, in one pass.

    The first system stays first.
    """
    path, places = points[order], order.copy()
    for start in range(len(order) - 2):
        before, first = path[start], path[start + 1]
        last, after = path[start + 2 : start + 1 + window], path[start + 3 : start + 2 + window]
        now = np.sqrt(np.sum((first - before) ** 2))
        gain = now - np.sqrt(np.sum((last - before) ** 2, axis=1))
        gain[: len(after)] += np.sqrt(np.sum((after - last[: len(after)]) ** 2, axis=1))
        gain[: len(after)] -= np.sqrt(np.sum((after - first) ** 2, axis=1))
        best = int(np.argmax(gain))
        if gain[best] > 1e-12 * now:
            stop = start + 3 + best
            path[start + 1 : stop] = path[start + 1 : stop][::-1].copy()
            places[start + 1 : stop] = places[start + 1 : stop][::-1].copy()
    return places
