"""The tangent kernel of stacked networks on the training points, and the largest stable learning rate that it implies.

    K_(p,k)(q,l) = grad f_k(x_p) . grad f_l(x_q)           (the empirical neural tangent kernel, Jacot et al. 2018)

For a dense layer with inputs h and gradients d of output k with respect to what the layer computes, the gradient of the
weights is h d^T and that of the biases d, so the kernel is a sum over layers of products of small Gram matrices:

    K_(p,k)(q,l) = sum over layers of (d_p^k . d_q^l) (h_p . h_q + 1)

With the loss 1/2 MSE, a mean over all n outputs of all points, one step moves the outputs by -lr/n K (f - y). The
linearised training is stable while lr < 2 n / (largest eigenvalue of K). The kernel itself moves during training.
"""

import torch

from repdyn.ensemble import Ensemble
from repdyn.networks import Dense


class _Still:
    """An optimiser that pulls gradients back, keeps what it saw, and moves nothing."""

    def __init__(self):
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def start_step(self) -> None:
        pass

    def pull(self, layer: int, g, x, weight, bias) -> torch.Tensor:
        self.seen.append((x, g))
        return torch.bmm(g, weight.transpose(1, 2))


@torch.no_grad()
def tangent_kernel(ensemble: Ensemble, x: torch.Tensor) -> torch.Tensor:
    """K of networks of dense layers, (network, n, n) with n = points x outputs, output by output.

    The networks stay as they are. Raises ValueError for other layers and for dropout.
    """
    if ensemble.has_dropout or not all(isinstance(layer.weights, Dense) for layer in ensemble.layers):
        raise ValueError("the tangent kernel is for dense layers without dropout")
    moving, still = ensemble.optimiser, _Still()
    ensemble.optimiser = still
    passes = []
    try:
        _, output = ensemble.forward(x)
        for k in range(output.shape[2]):
            # Points don't mix within a network: one pass carries the gradients of all of them, each in its own row.
            still.seen = []
            one = torch.zeros_like(output)
            one[:, :, k] = 1
            ensemble.backward(one)
            passes.append(still.seen)
    finally:
        ensemble.optimiser = moving
    kernel = 0
    for layer in zip(*passes, strict=True):
        h = torch.cat([h for h, _ in layer], dim=1)
        d = torch.cat([d for _, d in layer], dim=1)
        kernel = kernel + torch.bmm(d, d.mT) * (torch.bmm(h, h.mT) + 1)
    return kernel


def stable_rate(kernel: torch.Tensor) -> torch.Tensor:
    """2 n / (largest eigenvalue), (network,): above it the linearised training diverges."""
    return 2 * kernel.shape[-1] / torch.linalg.eigvalsh(kernel.double())[:, -1]
