# Takes: the table of xor, and the two points on which the theory's rates of its networks are found.
# Makes: <results>/xor/{xor}.nc, distances of all pairs of the four points in all hidden layers; for the rates
# <results>/xor/two_points/{xor}.nc and .csv; tables xor.csv (one row a network), xor_pairs.csv (one row a network and
# pair) and xor_summary.csv (one row a setting); the figure xor.

XOR = study["xor"]["rows"]
# the same networks on two points, at the same learning rate
XOR_RATES = {
    name: {
        **row,
        **study["two_points"]["task"],
        "lr": row["lr"] / study["xor"]["finer"],
        "finer": 1,
        "rest_loss": study["training"]["rest_loss"],
    }
    for name, row in XOR.items()
}


rule xor_train:
    """Train the networks of a row on XOR."""
    input:
        code=code("xor/train.py"),
        architecture=architecture("xor"),
    output:
        runs="<results>/xor/{xor}.nc",
    resources:
        **gpu_job(),
    params:
        **training(XOR, "xor"),
        finer=study["xor"]["finer"],
    script:
        "../scripts/run.py"


rule xor_rates_train:
    """Train the same networks on two points, for the theory's rates."""
    input:
        code=code("two_points/train.py"),
        architecture=architecture("xor"),
        data=rules.two_points_data.output.data,
    output:
        runs="<results>/xor/two_points/{xor}.nc",
    resources:
        **gpu_job(),
    params:
        **training(XOR_RATES, "xor"),
    script:
        "../scripts/run.py"


rule xor_rates_fit:
    """Fit the theory's rates to these."""
    input:
        code=code("two_points/fit.py"),
        runs="<results>/xor/two_points/{xor}.nc",
    output:
        fits="<results>/xor/two_points/{xor}.csv",
    params:
        loss_above=study["runs"]["discard_loss_above"],
    script:
        "../scripts/run.py"


rule xor_compare:
    """Compare the distances of the four points with the theory's, and with targets or initial distances alone."""
    input:
        code=code("xor/compare.py"),
        runs=expand("<results>/xor/{xor}.nc", xor=XOR),
        fits=expand("<results>/xor/two_points/{xor}.csv", xor=XOR),
    output:
        table=table("xor", "every network", "XOR"),
        pairs="<results>/tables/xor_pairs.csv",
        summary=table("xor_summary", "numbers of every setting", "XOR"),
        matrices="<results>/xor/matrices.csv",
    params:
        confidence=study["intervals"]["confidence"],
        layers={name: row["layer"] for name, row in XOR.items()},
        loss_above=study["runs"]["discard_loss_above"],
    script:
        "../scripts/run.py"


rule xor_plot:
    """Draw the distance matrices of XOR, and what correlates with the final one."""
    input:
        code=code("xor/plot.py"),
        matrices=rules.xor_compare.output.matrices,
        table=rules.xor_compare.output.table,
        summary=rules.xor_compare.output.summary,
    output:
        **figure("xor", "distance matrices", "XOR"),
    params:
        gains={name: row["gain"] for name, row in XOR.items()},
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule xor:
    """XOR: task or initial distances."""
    input:
        rules.xor_plot.output,
