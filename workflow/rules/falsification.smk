# Takes: rows of two points.
# Makes: <results>/falsification/{two_points}.nc, smaller networks of these rows on pairs of points in general position, with
# one output and with several, and .csv, the theory and four altered equations held against each of them; tables
# falsification.csv, all of them, and falsification_summary.csv, a setting; the figure falsification.

FALSIFIED = selected("falsification", *study["falsification"]["rows"])
SMALLER = smaller(FALSIFIED, "falsification")


rule falsification_train:
    """Train networks of a row on pairs of points in general position, with one output and with several."""
    input:
        code=code("falsification/train.py"),
        architecture=architecture("two_points"),
    output:
        runs="<results>/falsification/{two_points}.nc",
    resources:
        **gpu_job(),
    params:
        **training(SMALLER, "two_points"),
        inputs=study["falsification"]["inputs"],
        outputs=study["falsification"]["outputs"],
        seed=study["seeds"]["points"],
    script:
        "../scripts/run.py"


rule falsification_fit:
    """Hold the theory and four altered equations against the networks of a row."""
    input:
        code=code("falsification/fit.py"),
        runs="<results>/falsification/{two_points}.nc",
    output:
        fits="<results>/falsification/{two_points}.csv",
    params:
        layer=layer_of("two_points"),
        loss_above=study["runs"]["discard_loss_above"],
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
        settings=FALSIFIED,  # in this order
    script:
        "../scripts/run.py"


rule falsification_analyse:
    """Compare the errors of the theory and of altered equations in every setting."""
    input:
        code=code("falsification/analyse.py"),
        fits=rules.falsification_collect.output.table,
    output:
        table=table("falsification_summary", "every setting", "Falsification"),
    params:
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule falsification_plot:
    """Draw how far altered equations are behind the theory."""
    input:
        code=code("falsification/plot.py"),
        table=rules.falsification_analyse.output.table,
    output:
        **figure("falsification", "the theory against altered equations", "Falsification"),
    script:
        "../scripts/run.py"


rule falsification:
    """The theory against altered equations."""
    input:
        rules.falsification_plot.output,
