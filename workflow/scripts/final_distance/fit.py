"""Where every cell of one setting's grid started and ended, whether it counts, and the rates of its own trajectory."""

import logging

from repdyn import artifacts
from repdyn.fitting import prediction


def main(runs: str, layer: int, horizon: float, stop_loss: float, drop_loss: float, output: str) -> None:
    cells = prediction.measured(artifacts.read_dataset(runs), layer, horizon, stop_loss, drop_loss)
    artifacts.write_table(cells, output)
    for one in cells[cells.reason != ""].itertuples():
        logging.info("dx %g, dy %g, seed %d: %s, %s", one.dx, one.dy, one.seed, one.status, one.reason)
