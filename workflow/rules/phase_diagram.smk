# Takes: the two points and the table of phase_diagram, a row a depth and width.
# Makes: <results>/phase_diagram/{phase_diagram}.nc and .csv, runs and fits of all gains at one depth; tables
# phase_diagram.csv, phase_diagram_cells.csv (means), phase_diagram_networks.csv (where each network turns from rich to
# lazy) and phase_diagram_crossover.csv (means of that); the figure phase_diagram.

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
        **gpu_job(gigabytes=10),
    params:
        **training(PHASES, "phase_diagram"),
    script:
        "../scripts/run.py"


rule phase_diagram_fit:
    """Compare beginning and end of every network of one depth, and fit the theory, at its middle layer."""
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
    """Find where rich turns lazy, in every network and on average."""
    input:
        code=code("phase_diagram/summarise.py"),
        fits=expand("<results>/phase_diagram/{phase_diagram}.csv", phase_diagram=PHASES),
    output:
        table=table("phase_diagram", "every network", "Depth and gain"),
        cells="<results>/tables/phase_diagram_cells.csv",
        networks="<results>/tables/phase_diagram_networks.csv",
        crossover=table("phase_diagram_crossover", "where rich turns lazy", "Depth and gain"),
    params:
        rows=list(PHASES.values()),
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule phase_diagram_plot:
    """Draw how far representations move apart over depth and gain, and where rich turns lazy."""
    input:
        code=code("phase_diagram/plot.py"),
        cells=rules.phase_diagram_summarise.output.cells,
        networks=rules.phase_diagram_summarise.output.networks,
        crossover=rules.phase_diagram_summarise.output.crossover,
    output:
        **figure("phase_diagram", "phase diagram", "Depth and gain"),
    script:
        "../scripts/run.py"


rule phase_diagram:
    """Where rich turns lazy, over depth and gain."""
    input:
        rules.phase_diagram_plot.output,
