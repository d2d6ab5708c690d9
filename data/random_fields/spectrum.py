"""Spectra: the variance of a Gaussian field's coefficient as a function of the eigenvalue of minus the Laplacian."""

import abc
import dataclasses
import math

import numpy as np


class Spectrum(abc.ABC):
    """The eigenvalues of a covariance operator that is a function of the Laplacian."""

    @abc.abstractmethod
    def variance(self, eigenvalues: np.ndarray, dimension: int) -> np.ndarray:
        """Variances of the coefficients of L2-normalised eigenfunctions, one for each eigenvalue of -Laplacian."""


@dataclasses.dataclass(frozen=True)
class PowerLaw(Spectrum):
    """The covariance operator (-Laplacian + tau^2)^-alpha (Li et al., ICLR 2021, arXiv 2010.08895, appendix A.3).

    Samples have about alpha - dimension/2 derivatives; features larger than 1/tau are not correlated.

    **Raises:** ValueError if alpha or tau is negative.
    """

    alpha: float = 2.0  # smoothness
    tau: float = 3.0  # inverse length

    def __post_init__(self) -> None:
        if self.alpha < 0 or self.tau < 0:
            raise ValueError(f"PowerLaw: expected alpha >= 0 and tau >= 0, got alpha {self.alpha:g}, tau {self.tau:g}")

    def variance(self, eigenvalues: np.ndarray, dimension: int) -> np.ndarray:
        shifted = eigenvalues + self.tau**2
        return np.where(shifted > 0, np.where(shifted > 0, shifted, 1.0) ** -self.alpha, 0.0)


@dataclasses.dataclass(frozen=True)
class Matern(Spectrum):
    """The Matern covariance of unit variance, smoothness nu and correlation length, as the spectrum of its SPDE.

    (kappa^2 - Laplacian)^(nu + d/2) with kappa = sqrt(2 nu) / length, scaled so that the variance in free space is 1
    (Lindgren, Rue and Lindstrom, J. R. Stat. Soc. B 73, 2011, section 2.1 and eq. 2). nu = 1/2 is the exponential.

    **Raises:** ValueError unless nu and length are positive.
    """

    nu: float = 1.5
    length: float = 0.2  # in the units of the domain

    def __post_init__(self) -> None:
        if not (self.nu > 0 and self.length > 0):
            raise ValueError(f"Matern: expected nu > 0 and length > 0, got nu {self.nu:g} and length {self.length:g}")

    def variance(self, eigenvalues: np.ndarray, dimension: int) -> np.ndarray:
        kappa_squared = 2 * self.nu / self.length**2
        alpha = self.nu + dimension / 2
        log_scale = math.lgamma(alpha) - math.lgamma(self.nu) + dimension / 2 * math.log(4 * math.pi)
        return math.exp(log_scale + self.nu * math.log(kappa_squared)) * (eigenvalues + kappa_squared) ** -alpha
