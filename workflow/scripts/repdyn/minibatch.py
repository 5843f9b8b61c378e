"""One epoch of mini-batch training on a data set that lies on the device as one tensor.

One step is one batch of every network: each walks through the data in an order of its own, drawn anew each epoch from
its own generator, so it does not depend on what else is in the ensemble. The last batch holds what is left.
"""

from collections.abc import Callable

import torch

from repdyn.ensemble import BATCHES, Ensemble, Member, generator


def steps_per_epoch(inputs: int, batch: int) -> int:
    return -(-inputs // batch)


def order_generators(members: list[Member], seed: int) -> list[torch.Generator]:
    """What each network's orders are drawn from; seed: the study's for the order of inputs."""
    return [generator(BATCHES, seed, member.seed) for member in members]


@torch.no_grad()
def train_epoch(
    ensemble: Ensemble,
    x: torch.Tensor,
    y: torch.Tensor,
    batch: int,
    generators: list[torch.Generator],
    after_step: Callable[[], None] = lambda: None,
) -> torch.Tensor:
    """Show every network all inputs x (row, in_dim) with targets y (row, out_dim) once, loss 1/2 MSE.

    `after_step` is called after each update. Returns (network,), the mean over all rows of 1/2 MSE, each taken before
    its batch's update.
    """
    order = torch.stack([torch.randperm(len(x), generator=draw) for draw in generators]).to(ensemble.device)
    total = torch.zeros(len(order), device=ensemble.device)
    # the batches lie where the last ones lay: fresh memory would cost as much as copying into it
    room = [data.new_empty(len(order) * batch, data.shape[1]) for data in (x, y)]
    for rows in order.split(batch, dim=1):  # (network, row)
        inputs, targets = (_gather(data, rows, into) for data, into in zip((x, y), room))
        _, output = ensemble.forward(inputs)
        error = output - targets
        total += error.square().sum((1, 2))
        ensemble.backward(error / error[0].numel())
        after_step()
    return total / (2 * y.numel())


def _gather(data: torch.Tensor, rows: torch.Tensor, into: torch.Tensor) -> torch.Tensor:
    """data (row, dim) at rows (network, row) -> (network, row, dim), in the memory of `into`."""
    torch.index_select(data, 0, rows.flatten(), out=into[: rows.numel()])
    return into[: rows.numel()].view(*rows.shape, -1)
