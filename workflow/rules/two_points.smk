# Takes: the task and the table of two_points.
# Makes: <results>/two_points/data/points.nc, the inputs and targets; {two_points}.nc, what all networks of a row did at every
# step; {two_points}.csv, the theory's rates for every network and hidden layer; curves/{two_points}.csv, what figures draw; tables two_points.csv (all fits) and
# two_points_summary.csv (means at the table's layer, with intervals); the figures two_points, architectures and losses.

# the first row of each architecture
FIRST = {}
for name, row in POINTS.items():
    FIRST.setdefault(row["model"], name)
ARCHITECTURES = list(FIRST.values())


rule two_points_data:
    """Make the inputs and targets of the two points."""
    input:
        code=code("two_points/data.py"),
    output:
        data="<results>/two_points/data/points.nc",
    params:
        task=study["two_points"]["task"],
    script:
        "../scripts/run.py"


rule two_points_train:
    """Train the networks of a row, and record H, Y and w of every hidden layer at every step."""
    input:
        code=code("two_points/train.py"),
        architecture=architecture("two_points"),
        data=rules.two_points_data.output.data,
    output:
        runs="<results>/two_points/{two_points}.nc",
    resources:
        **gpu_job(),
    params:
        **training(POINTS, "two_points"),
    script:
        "../scripts/run.py"


rule two_points_fit:
    """Fit the theory's rates and the drift of its clock to every network and hidden layer of a row."""
    input:
        code=code("two_points/fit.py"),
        runs="<results>/two_points/{two_points}.nc",
    output:
        fits="<results>/two_points/{two_points}.csv",
    params:
        loss_above=study["runs"]["discard_loss_above"],
    script:
        "../scripts/run.py"


rule two_points_curves:
    """Average the curves of a row at the table's layer over its networks, and solve the theory for them."""
    input:
        code=code("two_points/curves.py"),
        runs="<results>/two_points/{two_points}.nc",
        fits="<results>/two_points/{two_points}.csv",
    output:
        table="<results>/two_points/curves/{two_points}.csv",
    params:
        layer=layer_of("two_points"),
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule two_points_collect:
    """Put the fits of all rows into one table."""
    input:
        code=code("two_points/collect.py"),
        fits=expand("<results>/two_points/{two_points}.csv", two_points=POINTS),
    output:
        table=table("two_points", "fits of every network and layer", "Two points"),
    params:
        settings=list(POINTS),  # in this order
    script:
        "../scripts/run.py"


rule two_points_summarise:
    """Average the fits at the table's layer over the networks of each row."""
    input:
        code=code("two_points/summarise.py"),
        fits=rules.two_points_collect.output.table,
    output:
        table=table("two_points_summary", "means at the table's layer", "Two points"),
    params:
        confidence=study["intervals"]["confidence"],
        layers={name: row["layer"] for name, row in POINTS.items()},
    script:
        "../scripts/run.py"


rule two_points_plot:
    """Draw H, Y and w of every row over training, experiment and theory."""
    input:
        **curves_and_fits(POINTS),
        code=code("two_points/plot.py"),
    output:
        **figure("two_points", "trajectories of every row", "Two points"),
    params:
        rows=list(POINTS.values()),  # in this order
    script:
        "../scripts/run.py"


rule two_points:
    """How well two constants describe how H, Y and w move: every row of the table."""
    input:
        rules.two_points_plot.output,
        rules.two_points_summarise.output.table,


rule architectures_plot:
    """Draw the trajectories of one row of each architecture."""
    input:
        **curves_and_fits(ARCHITECTURES),
        code=code("two_points/plot.py"),
    output:
        **figure("architectures", "one row of each architecture", "Two points"),
    params:
        rows=[POINTS[name] for name in ARCHITECTURES],
    script:
        "../scripts/run.py"


rule architectures:
    """The same for one row of each architecture."""
    input:
        rules.architectures_plot.output,


rule losses_plot:
    """Draw the loss of every row over training, experiment and theory."""
    input:
        **curves_and_fits(POINTS),
        code=code("losses/plot.py"),
    output:
        **figure("losses", "loss of every row", "Two points"),
    params:
        rows=list(POINTS.values()),
    script:
        "../scripts/run.py"


rule losses:
    """The loss follows, with one more rate."""
    input:
        rules.losses_plot.output,
