"""Approximate eigenvectors of M^-1 A from what conjugate gradients compute anyway.

Over A-orthonormal Z the Rayleigh quotient of M^-1 A in the A-inner product is G = Z^T A M^-1 A Z, and its eigenvalues
are the harmonic Ritz values (Saad, Yeung, Erhel, Guyomarc'h 2000, section 5.1). With A p_j = (r_j - r_{j+1}) / alpha_j,
M^-1 A p_j = (z_j - z_{j+1}) / alpha_j and (r_i, z_j) = gamma_j for i = j, else 0, the search directions scaled to unit
energy, d_j = (p_j, A p_j) = gamma_j / alpha_j, give a tridiagonal block

    G_jj = (gamma_j + gamma_{j+1}) / (alpha_j^2 d_j),
    G_j,j+1 = -gamma_{j+1} / (alpha_j alpha_{j+1} sqrt(d_j d_{j+1})),

and against the deflated directions W, with mu_j = (A W)^T z_j, a column (mu_j - mu_{j+1}) / (alpha_j sqrt(d_j)). So
only the directions are stored, a window of them at a time: a full window is replaced by its best combinations, as in
the restarts of eigCG (Stathopoulos and Orginos 2010). A later direction meets those through W and its predecessor only.
"""

import numpy as np


class Candidates:
    """The kept directions Y (n, at most `keep`) and a window of new ones, with G over both. Changes in place.

    `energy`: G over W (k, k), where Y starts.
    """

    def __init__(self, energy: np.ndarray, keep: int, window: int, size: int):
        self.keep, self.held = keep, energy.shape[0]
        self.room = np.empty((size, window), order="F")
        self.projected = np.zeros((keep + window + self.held, keep + window + self.held))
        self.projected[: self.held, : self.held] = energy
        self.count = 0
        self.kept: np.ndarray | None = None  # Y, or None while it is W itself
        self.mixing = np.eye(self.held)  # the part of Y along W
        self.coupling = np.zeros(self.held)  # of Y with the next direction, through its predecessor
        self.link = 0.0  # sqrt(gamma) / (alpha sqrt(d)) of the predecessor

    def add(
        self, deflated: np.ndarray, p: np.ndarray, alpha: float, gamma: float, next_gamma: float, change: np.ndarray
    ) -> None:
        """A direction p (n,) with its step; `change`: mu_j - mu_{j+1} (k,); `deflated`: W (n, k)."""
        if self.count == self.room.shape[1]:
            self._compress(deflated)
        root = np.sqrt(gamma / alpha)
        self.room[:, self.count] = p / root
        here = self.held + self.count
        column = self.projected[:, here]
        column[:here] = 0.0
        column[: self.held] = self.mixing.T @ (change / (alpha * root))
        weight = -gamma / (alpha * root)
        if self.count == 0:
            column[: self.held] += self.coupling * weight
        else:
            column[here - 1] += self.link * weight
        column[here] = (gamma + next_gamma) / (alpha * root) ** 2
        self.projected[here, :here] = column[:here]
        self.link = 1.0 / (alpha * root)
        self.count += 1

    def basis(self, deflated: np.ndarray) -> np.ndarray | None:
        """The directions to keep (n, at most `keep`) from all that was added; None where nothing was."""
        if self.count and np.all(np.isfinite(self.projected[: self.held + self.count, : self.held + self.count])):
            self._compress(deflated)
        return self.kept

    def _compress(self, deflated: np.ndarray) -> None:
        """Replace Y and the window by the combinations of smallest Rayleigh quotient."""
        total = self.held + self.count
        values, vectors = np.linalg.eigh(self.projected[:total, :total])
        chosen = np.asfortranarray(vectors[:, : self.keep])
        held, new = chosen[: self.held], chosen[self.held :]
        before = deflated if self.kept is None else self.kept
        self.kept = np.asfortranarray(before @ held + self.room[:, : self.count] @ new)
        self.mixing = self.mixing @ held
        self.coupling = self.link * new[-1]
        self.held = chosen.shape[1]
        self.projected[: self.held, : self.held] = np.diag(values[: self.held])
        self.count = 0
