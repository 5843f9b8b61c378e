"""Theory from recorded curves: the two rates, altered equations, laws of decay, and predictions from fitted rates."""

from repdyn.fitting.rates import Fit, cells, describe, fit_mean_rate, fit_trajectory, unfit

__all__ = ["Fit", "cells", "describe", "fit_mean_rate", "fit_trajectory", "unfit"]
