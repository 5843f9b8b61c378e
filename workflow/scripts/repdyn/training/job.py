"""What every training script does around its data and recorders: device, threads, provenance, checkpoints, the file."""

import gc
import logging
from collections.abc import Iterable
from pathlib import Path

import torch
import xarray as xr

from repdyn import artifacts
from repdyn.training import loop
from repdyn.training.checkpoints import Checkpoint
from repdyn.training.ensemble import Ensemble


class Job:
    """One training job, from its settings to its netCDF file.

    identity: what decides the result and is not among the settings that the file shall name, such as contents of
    inputs. settings: become attributes of the file, with a hash of the code and the versions of libraries.
    """

    def __init__(
        self,
        output: str | Path,
        device: str,
        threads: int = 1,
        code: Iterable[str | Path] = (),
        checkpoint_seconds: float = 0,
        identity: dict | None = None,
        **settings,
    ):
        torch.set_num_threads(threads)
        gc.set_threshold(700)  # `pipeline.jobs` raises it; but steps leave garbage
        self.output, self.device = output, loop.choose_device(device)
        self.made_by = artifacts.provenance(code, artifacts.TRAINING, **settings)
        known = {**self.made_by, "device": self.device, **(identity or {})}
        self.checkpoint = Checkpoint(output, known, checkpoint_seconds)

    def run(self, ensemble: Ensemble, data, steps: int, record, label: str, **options) -> xr.Dataset:
        """`loop.run` on the job's device, with its checkpoints."""
        logging.info("%s: %d networks, at most %d steps, on %s", label, len(ensemble.members), steps, self.device)
        options |= {"device": self.device, "label": label, "checkpoint": self.checkpoint}
        return loop.run(ensemble, data, steps, record, **options)

    def write(self, variables: dict, coords: dict, **attributes) -> None:
        """Write the labelled arrays and say in the log what became of the networks."""
        dataset = xr.Dataset(variables, coords, {**attributes, "device": self.device, **self.made_by})
        artifacts.write_dataset(dataset, self.output)
        self.checkpoint.remove()
        if "diverged_at" in dataset:
            for n, step in enumerate(dataset.diverged_at.values):
                if step >= 0:
                    logging.warning("network %d diverged at step %d", n, step)
        if "loss" in dataset:
            logging.info("final losses: %s", ", ".join(f"{loss:.2e}" for loss in dataset.loss.values[..., -1].flat))
