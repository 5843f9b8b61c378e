# Takes: the fits of one row of two points.
# Makes: tables depth.csv, what changes with the depth of the observed layer, and depth_networks.csv, the same as numbers
# of every network; the figure depth.

DEPTH = study["depth"]["row"]


rule depth_analyse:
    """Average rates, errors and distances of every hidden layer of a row over its networks."""
    input:
        code=code("depth/analyse.py"),
        fits=f"<results>/two_points/{DEPTH}.csv",
    output:
        table=table("depth", "every hidden layer of a row", "Depth and gain"),
        networks=table("depth_networks", "what depth changes in every network", "Depth and gain"),
    params:
        row=POINTS.get(DEPTH),
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule depth_plot:
    """Draw rates and distances over the depth of the observed layer."""
    input:
        code=code("depth/plot.py"),
        table=rules.depth_analyse.output.table,
        networks=rules.depth_analyse.output.networks,
    output:
        **figure("depth", "depth of the observed layer", "Depth and gain"),
    params:
        row=POINTS.get(DEPTH),
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule depth:
    """Rates and distances over the depth of the observed layer."""
    input:
        rules.depth_plot.output,
