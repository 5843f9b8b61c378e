# Takes: trajectories of two points, and fits for which runs are kept.
# Makes: <results>/falsification/{two_points}.csv, the theory and four altered equations fitted to the same curves;
# tables falsification.csv, all of them, and falsification_summary.csv; the figure falsification, which of them describes networks best.

FALSIFIED = selected("falsification", *study["falsification"]["rows"])


rule falsification_fit:
    """Fit the theory and four altered equations to the networks of a row."""
    input:
        code=code("falsification/fit.py"),
        runs="<results>/two_points/{two_points}.nc",
        kept="<results>/two_points/{two_points}.csv",
    output:
        fits="<results>/falsification/{two_points}.csv",
    params:
        **of_row("two_points", layer="layer"),
    script:
        "../scripts/run.py"


rule falsification_collect:
    """Put the fits of all rows into one table."""
    input:
        code=code("two_points/collect.py"),
        fits=expand("<results>/falsification/{two_points}.csv", two_points=FALSIFIED),
    output:
        table=table("falsification", "theory and altered equations, every network", "Falsification"),
    params:
        settings=FALSIFIED,  # in this order,
    script:
        "../scripts/run.py"


rule falsification_analyse:
    """Average sums of squares and wins over networks, and solve all equations for one of them."""
    input:
        code=code("falsification/analyse.py"),
        fits=rules.falsification_collect.output.table,
        runs=f"<results>/two_points/{study['falsification']['shown']}.nc",
    output:
        table="<results>/tables/falsification_summary.csv",
    params:
        **uncertainty(),
    script:
        "../scripts/run.py"


rule falsification_plot:
    """Draw which equations describe networks best."""
    input:
        code=code("falsification/plot.py"),
        table=rules.falsification_analyse.output.table,
        fits=rules.falsification_collect.output.table,
    output:
        **figure("falsification", "the theory against altered equations", "Falsification"),
    params:
        shown=study["falsification"]["shown"],
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule falsification:
    """The theory against altered equations."""
    input:
        rules.falsification_plot.output,
