"""Dense layers with skip connections."""

from repdyn.networks import Layer, Shape, chain


def build(shape: Shape) -> list[Layer]:
    """An mlp whose hidden layer n adds the output of layer n - 2, from n = 2 on."""
    *hidden, output = chain(shape)
    skipping = [Layer(layer.weights, layer.activation, skip=2) for layer in hidden[2:]]
    return [*hidden[:2], *skipping, output]
