# Takes: the two points and the table of width: the same networks at several widths.
# Makes: <results>/width/{width}.nc and .csv, runs and fits of a row; tables width.csv (one row a network) and
# width_summary.csv (one row a setting); the figure width.

WIDTHS = study["width"]["rows"]


rule width_train:
    """Train the networks of one width."""
    input:
        code=code("two_points/train.py"),
        architecture=architecture("width"),
        data=rules.two_points_data.output.data,
    output:
        runs="<results>/width/{width}.nc",
    resources:
        **gpu_job(),
    params:
        **training(WIDTHS, "width"),
    script:
        "../scripts/run.py"


rule width_fit:
    """Fit the theory to every network and layer of one width."""
    input:
        code=code("two_points/fit.py"),
        runs="<results>/width/{width}.nc",
    output:
        fits="<results>/width/{width}.csv",
    params:
        loss_above=study["runs"]["discard_loss_above"],
    script:
        "../scripts/run.py"


rule width_analyse:
    """Compare errors, and the scatter of rates between networks, over widths."""
    input:
        code=code("width/analyse.py"),
        fits=expand("<results>/width/{width}.csv", width=WIDTHS),
    output:
        table=table("width", "every network", "Depth and gain"),
        summary=table("width_summary", "every width", "Depth and gain"),
    params:
        rows=list(WIDTHS.values()),
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule width_plot:
    """Draw error and scatter over the width."""
    input:
        code=code("width/plot.py"),
        table=rules.width_analyse.output.table,
        summary=rules.width_analyse.output.summary,
    output:
        **figure("width", "width of the networks", "Depth and gain"),
    script:
        "../scripts/run.py"


rule width:
    """What the width of a network changes: the theory's error, and the scatter between networks."""
    input:
        rules.width_plot.output,
