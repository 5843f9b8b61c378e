"""The two inner loops of training on a CPU, for large layers: one network at a time, by numpy's BLAS and scipy's.

A product of hundreds of rows and columns gains nothing from being stacked with others. On processors that are not
Intel's this BLAS may be much faster than torch's, and it adds a gradient to the weights in the pass that computes it.

Shapes: x (network, row, inputs), weight (network, inputs, outputs), bias (network, outputs), everything float32.
"""

import numpy as np
from scipy.linalg.blas import sgemm

LARGE = 2**16  # multiplications of one network from which a call of its own pays


def forward(x, weight, bias, z):
    """z = x @ weight + bias, written into `z`."""
    for n in range(len(x)):
        np.matmul(x[n], weight[n], out=z[n])
        z[n] += bias[n]


def backward_sgd(g, x, weight, bias, lr, gx):
    """gx = g @ weight^T, written into `gx` unless that is None; then weight -= lr x^T g and bias -= lr sum(g)."""
    for n, rate in enumerate(lr.tolist()):
        if gx is not None:
            np.matmul(g[n], weight[n].T, out=gx[n])
        if weight[n].size < x[n].size:  # a convolution's: what it saves to add in place is less than what it costs
            weight[n] -= rate * (x[n].T @ g[n])
        else:  # BLAS counts columns first: it is given the transposed problem, g^T x
            sgemm(-rate, g[n].T, x[n].T, beta=1.0, c=weight[n].T, trans_b=True, overwrite_c=True)
        bias[n] -= rate * g[n].sum(0)
