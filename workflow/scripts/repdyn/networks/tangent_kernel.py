"""The tangent kernel of networks on a few points, and the largest stable learning rate that it implies.

    K_(p,k)(q,l) = grad f_k(x_p) . grad f_l(x_q)           (the empirical neural tangent kernel, Jacot et al. 2018)

With the loss 1/2 MSE, a mean over all n outputs of all points, one step moves the outputs by -lr/n K (f - y). The
linearised training is stable while lr < 2 n / (largest eigenvalue of K). The kernel itself moves during training.
"""

import numpy as np
import torch
from torch.func import functional_call


def tangent_kernel(module: torch.nn.Module, parameters: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """K of one network, (n, n) with n = points x outputs, point by point; the module's own parameters don't count."""
    moving = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    # one by one: torch.func would do all together, and import a compiler first, which takes longer than all of them
    with torch.enable_grad():
        outputs = functional_call(module, moving, (x,)).flatten()
        each = [torch.autograd.grad(f, [*moving.values()], retain_graph=True, materialize_grads=True) for f in outputs]
    jacobian = (torch.stack([part.flatten() for part in parts]) for parts in zip(*each))
    return sum((j @ j.T for j in jacobian), start=outputs.new_zeros(()))


def of_networks(module, _, networks: list[dict[str, torch.Tensor]], x: np.ndarray) -> np.ndarray:
    """K of several networks (network, n, n); the first arguments are what a trainer's `modules()` returns."""
    first = next(iter(networks[0].values()))
    points = torch.as_tensor(x, dtype=first.dtype, device=first.device)
    return torch.stack([tangent_kernel(module, parameters, points) for parameters in networks]).cpu().numpy()


def stable_rate(kernel: np.ndarray) -> np.ndarray:
    """2 n / (largest eigenvalue), (network,): above it the linearised training diverges."""
    return 2 * kernel.shape[-1] / np.linalg.eigvalsh(kernel.astype(float))[:, -1]
