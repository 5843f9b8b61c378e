# Takes: the two points and some rows of the table of two_points, at most as wide as measured_rates.width.
# Makes: <results>/measured_rates/{two_points}.nc, the theory's rates measured in networks while they learn; tables
# measured_rates.csv (one row a network, layer and moment), measured_rates_networks.csv (one row a network and layer) and
# measured_rates_summary.csv (means with intervals); the figure measured_rates.

MEASURED = {
    name: {
        **POINTS[name],
        "networks": study["measured_rates"]["networks"],
        "width": min(POINTS[name]["width"], study["measured_rates"]["width"]),
    }
    for name in selected("measured_rates", *study["measured_rates"]["rows"])
}


rule measured_rates_train:
    """Train the networks of a row, and measure the theory's rates as they learn."""
    input:
        code=code("measured_rates/train.py"),
        architecture=architecture("two_points"),
        data=rules.two_points_data.output.data,
    output:
        runs="<results>/measured_rates/{two_points}.nc",
    resources:
        **gpu_job(),
    params:
        **training(MEASURED, "two_points"),
        layers=lambda wildcards: measured_layers(MEASURED[wildcards.two_points]),
        moments=study["measured_rates"]["moments"],
    script:
        "../scripts/run.py"


rule measured_rates_analyse:
    """Compare measured rates with each other, with fitted ones, and with constants."""
    input:
        code=code("measured_rates/analyse.py"),
        runs=expand("<results>/measured_rates/{two_points}.nc", two_points=MEASURED),
    output:
        table=table("measured_rates", "rates at every moment", "Measured rates"),
        networks=table("measured_rates_networks", "rates of every network", "Measured rates"),
        summary=table("measured_rates_summary", "means over networks", "Measured rates"),
        curves="<results>/measured_rates/curves.csv",
    params:
        confidence=study["intervals"]["confidence"],
        shown={name: row["layer"] for name, row in MEASURED.items()},
    script:
        "../scripts/run.py"


rule measured_rates_plot:
    """Draw measured rates over what the network has learned."""
    input:
        code=code("measured_rates/plot.py"),
        curves=rules.measured_rates_analyse.output.curves,
        summary=rules.measured_rates_analyse.output.summary,
        networks=rules.measured_rates_analyse.output.networks,
    output:
        **figure("measured_rates", "measured rates", "Measured rates"),
    script:
        "../scripts/run.py"


rule measured_rates:
    """The theory's two rates, measured along training: are they constants?"""
    input:
        rules.measured_rates_plot.output,
