"""Matrix products of stacked networks.

torch multiplies float32 matrices on a CPU by MKL, which uses half of the vector units of processors that are not
Intel's. oneDNN, which comes with torch for other purposes, uses all of them: on such a processor large products take
half the time. Small ones stay stacked in one call, as they do on a GPU.
"""

import torch

LARGE = 2**21  # multiplications of one network from which a call of its own pays

_linear = torch.ops.mkldnn._linear_pointwise.default if torch.backends.mkldnn.is_available() else None


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a @ b for every network: (network, row, inner) times (network, inner, column)."""
    return _by_network(a, b) if _is_large(a, b) else torch.bmm(a, b)


def affine(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """x @ weight + bias for every network; bias (network, column)."""
    return _by_network(x, weight, bias) if _is_large(x, weight) else torch.baddbmm(bias.unsqueeze(1), x, weight)


def add_product(total: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
    """total += a @ b for every network, in place."""
    if _is_large(a, b):
        total.add_(_by_network(a, b))
    else:
        total.baddbmm_(a, b)


def _is_large(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape[1] * a.shape[2] * b.shape[2] >= LARGE and _linear is not None and a.device.type == "cpu"


def _by_network(a: torch.Tensor, b: torch.Tensor, biases=None) -> torch.Tensor:
    products = [
        _linear(a[n : n + 1], b[n].T, None if biases is None else biases[n], "none", [], "") for n in range(len(a))
    ]
    return products[0] if len(products) == 1 else torch.cat(products)
