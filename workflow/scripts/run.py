"""What every rule runs: `main` of its script, the first file of its input `code` (repdyn/pipeline/jobs.py)."""

from repdyn.pipeline.jobs import run_rule

run_rule(snakemake)
