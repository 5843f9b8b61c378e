# Takes: the two points and the table of phase_diagram, a row a depth.
# Makes: <results>/phase_diagram/{phase_diagram}.nc and .csv, runs and fits of all gains at one depth; tables
# phase_diagram.csv, phase_diagram_cells.csv (means of the fits), phase_diagram_crossover.csv (where rich turns lazy) and
# phase_diagram_exponents.csv (how rates follow parameter counts); the figure phase_diagram.

PHASES = study["phase_diagram"]["rows"]


rule phase_diagram_train:
    """Train networks of one depth at every gain."""
    input:
        code=code("phase_diagram/train.py"),
        architecture=code("repdyn/networks/architectures/mlp.py"),
        data=rules.two_points_data.output.data,
    output:
        runs="<results>/phase_diagram/{phase_diagram}.nc",
    resources:
        **gpu_job(),
    params:
        **training(PHASES, "phase_diagram"),
    script:
        "../scripts/run.py"


rule phase_diagram_fit:
    """Fit the theory to every network and layer of one depth."""
    input:
        code=code("phase_diagram/fit.py"),
        runs="<results>/phase_diagram/{phase_diagram}.nc",
    output:
        fits="<results>/phase_diagram/{phase_diagram}.csv",
    params:
        converged_below=study["phase_diagram"]["converged_below"],
    script:
        "../scripts/run.py"


rule phase_diagram_summarise:
    """Find where rich turns lazy, and how rates follow parameter counts."""
    input:
        code=code("phase_diagram/summarise.py"),
        fits=expand("<results>/phase_diagram/{phase_diagram}.csv", phase_diagram=PHASES),
    output:
        table=table("phase_diagram", "every network and layer", "Depth and gain"),
        cells="<results>/tables/phase_diagram_cells.csv",
        crossover="<results>/tables/phase_diagram_crossover.csv",
        exponents="<results>/tables/phase_diagram_exponents.csv",
    params:
        **uncertainty(),
        rows=list(PHASES.values()),
        good_fit=study["phase_diagram"]["good_fit"],
    script:
        "../scripts/run.py"


rule phase_diagram_plot:
    """Draw errors, balance, crossover, rates and exponents over depth and gain."""
    input:
        code=code("phase_diagram/plot.py"),
        cells=rules.phase_diagram_summarise.output.cells,
        crossover=rules.phase_diagram_summarise.output.crossover,
        exponents=rules.phase_diagram_summarise.output.exponents,
    output:
        **figure("phase_diagram", "phase diagram", "Depth and gain"),
    params:
        width=[row["width"] for row in PHASES.values()],
        good_fit=study["phase_diagram"]["good_fit"],
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule phase_diagram:
    """Where rich turns lazy, over depth and gain."""
    input:
        rules.phase_diagram_plot.output,
