"""Forward and backward passes through the layers of a network, compiled: no interpreter between layers, or between
steps.

    code          where compiled code is kept, and how all of it is compiled
    vectors       eight numbers at once
    blocks        the parts of flat buffers that hold all layers
    elementwise   activations and optimisers of the registries, as loops over units and weights
    layer         one layer: what it puts out, what it pulls back, how its weights move
    windows       what a convolution's windows see
    network       all layers, there and back; the loss, and what is observed
    descent       training: steps of many networks, and a look at their layers
    stages        gradient flow: the stages of a step

Shapes: x (point, inputs), W (inputs, outputs), g and z (point, outputs), everything float32, points an even number.
Each network is computed by the same instructions whatever else is trained beside it, so its numbers are its own.
"""
