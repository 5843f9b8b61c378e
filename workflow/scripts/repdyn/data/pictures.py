"""Shapes and classes of image data sets. (No array is imported here: the configuration's checks read them.)"""

import math

CLASSES = 10  # of each of these data sets
SHAPES = {"mnist": (1, 28, 28), "fashion_mnist": (1, 28, 28), "cifar10": (3, 32, 32)}  # colours, rows, columns


def units(name: str) -> int:
    """Inputs of a network that sees these images, colour after colour."""
    return math.prod(SHAPES[name])


def picture(inputs: int) -> tuple[int, int, int]:
    """What image so many numbers are: colours, rows, columns. A square in three colours or in one, else one row."""
    for colours in (3, 1):
        side = round((inputs / colours) ** 0.5)
        if colours * side**2 == inputs:
            return colours, side, side
    return 1, 1, inputs
