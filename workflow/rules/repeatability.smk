# Takes: rows of two points, at a width of their own.
# Makes: <results>/repeatability/{two_points}.nc, the same networks trained several times; of them the tables
# repeatability.csv (one row a network, repetition, quantity and layer) and repeatability_summary.csv, which holds the
# tolerances for results of another machine; the figure repeatability.

REPEATED = {
    name: {
        **POINTS[name],
        **{key: study["repeatability"][key] for key in ("width", "networks")},
    }
    for name in selected("repeatability", *study["repeatability"]["rows"])
}


rule repeatability_train:
    """Train the networks of a row again, with additions in another order and in smaller steps."""
    input:
        code=code("repeatability/train.py"),
        architecture=architecture("two_points"),
        data=rules.two_points_data.output.data,
    output:
        runs="<results>/repeatability/{two_points}.nc",
    resources:
        **gpu_job(device="cpu"),
    params:
        **{**training(REPEATED, "two_points"), "device": "cpu"},
        finer=study["repeatability"]["finer"],
    script:
        "../scripts/run.py"


rule repeatability_compare:
    """Say how far H, Y, w and fitted rates of the same networks differ."""
    input:
        code=code("repeatability/compare.py"),
        runs=expand("<results>/repeatability/{two_points}.nc", two_points=REPEATED),
    output:
        table=table("repeatability", "every network and repetition", "Two points"),
        summary=table("repeatability_summary", "tolerances", "Two points"),
    params:
        layers=[row["layer"] for row in REPEATED.values()],
        loss_above=study["runs"]["discard_loss_above"],
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule repeatability_plot:
    """Draw how far the same networks come out differently."""
    input:
        code=code("repeatability/plot.py"),
        summary=rules.repeatability_compare.output.summary,
    output:
        **figure("repeatability", "the same networks again", "Two points"),
    params:
        row=next(iter(REPEATED.values()), None),
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule repeatability:
    """How far the same networks come out differently: rounding and the size of steps."""
    input:
        rules.repeatability_plot.output,
