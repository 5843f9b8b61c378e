"""How much a residual along a curve says, and Akaike's criterion from it."""

import numpy as np


def effective_observations(residual):
    """How many independent observations a residual (..., n) is worth: n over its autocorrelation time, at least 1.

    The time is 1 + 2 (rho_1 + rho_2 + ...) up to the first rho that is not positive, with rho_k the residual's
    autocorrelation about 0 at lag k (a mean that is off is an error of the fit as well). A residual of zeros counts n.
    """
    n = residual.shape[-1]
    spectrum = np.abs(np.fft.rfft(residual, 2 * n)) ** 2
    covariance = np.fft.irfft(spectrum)[..., :n]
    with np.errstate(all="ignore"):
        rho = covariance / covariance[..., :1]
    rho = np.where(np.logical_and.accumulate(rho > 0, axis=-1), rho, 0)
    time = np.maximum(2 * rho.sum(-1) - 1, 1)
    return np.maximum(n / time, 1)


def akaike(sse, observations, residuals, parameters):
    """Akaike's criterion of least squares, n log(SSE/N) + 2 p: N residuals worth n observations, p parameters."""
    return observations * np.log(np.maximum(sse, 1e-300) / residuals) + 2 * parameters
