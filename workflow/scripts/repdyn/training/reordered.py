"""The same networks with their units in another order: other additions, and nothing else, come first.

With a permutation matrix P of the units of all hidden layers, W_1' = W_1 P^T (inputs first), W_n' = P W_n P^T,
W_out' = P W_out and b_n' = P b_n compute the same function with h_n' = P h_n, and descend in the same way but for
rounding. Skip connections, which add layers, need one and the same P for all layers.
"""

import numpy as np

from repdyn.networks import Dense
from repdyn.training.compiled import CompiledTrainer
from repdyn.training.ensemble import Ensemble


def reordered_trainer(ensemble: Ensemble, device: str = "cpu") -> CompiledTrainer:
    """As `CompiledTrainer`, with the units of each network's hidden layers in an order drawn for its seed.

    Raises ValueError where hidden layers differ in width, or are not dense.
    """
    trainer = CompiledTrainer(ensemble, device)
    widths = {layer.weights.bias_size for layer in trainer.layers[:-1]}
    dense = all(isinstance(layer.weights, Dense) for layer in trainer.layers)
    if not dense or len(widths) != 1:
        raise ValueError("units of dense hidden layers of one width can be reordered, no others")
    (width,) = widths
    *hidden, (last, _) = trainer.parameters()
    for n, member in enumerate(ensemble.members):
        order = np.random.default_rng(member.seed).permutation(width)
        for layer, (weight, bias) in enumerate(hidden):
            inputs = order if layer else slice(None)
            weight[n], bias[n] = weight[n][inputs][:, order], bias[n][order]
        last[n] = last[n][order]
    return trainer
