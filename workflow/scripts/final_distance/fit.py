"""Where every cell of one setting's grid started, was half way and ended, and the rates of its first half."""

import logging

from repdyn import artifacts
from repdyn.fitting import prediction


def main(runs: str, layer: int, stop_loss: float, drop_loss: float, output: str) -> None:
    cells = prediction.measured(artifacts.read_dataset(runs), layer, stop_loss, drop_loss)
    artifacts.write_table(cells, output)
    for one in cells[cells.reason != ""].itertuples():
        logging.info(
            "%s, dx %g, dy %g, seed %d: %s, %s", one.position, one.dx, one.dy, one.seed, one.status, one.reason
        )
