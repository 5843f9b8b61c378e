# Takes: fits of rows of two points that differ in gain.
# Makes: <results>/tables/gains.csv, what changes with the gain, and the figure gains.

GAINS = selected("gains", *study["gains"]["rows"])


rule gains_analyse:
    """Average error, initial and final distance of rows that differ in gain over their networks."""
    input:
        code=code("gains/analyse.py"),
        fits=expand("<results>/two_points/{two_points}.csv", two_points=GAINS),
    output:
        table=table("gains", "rows that differ in gain", "Depth and gain"),
    params:
        confidence=study["intervals"]["confidence"],
        rows=[POINTS[name] for name in GAINS],
    script:
        "../scripts/run.py"


rule gains_plot:
    """Draw distances and errors over the gain."""
    input:
        code=code("gains/plot.py"),
        table=rules.gains_analyse.output.table,
    output:
        **figure("gains", "scale of the initial weights", "Depth and gain"),
    params:
        layer=next(iter(layers(GAINS)), 0),
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule gains:
    """What the scale of the initial weights changes."""
    input:
        rules.gains_plot.output,
