"""One table of all fits, in the order of the settings table."""

import pandas as pd

from repdyn import artifacts


def main(fits: list[str], output: str) -> None:
    artifacts.write_table(pd.concat(map(artifacts.read_table, fits), ignore_index=True), output)
