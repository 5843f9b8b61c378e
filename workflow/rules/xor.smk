# Takes: the XOR table, and the two-point task on which the theory's rates of its networks are found.
# Makes: <results>/xor/{xor_setting}.nc, distances of all pairs of the four points in all hidden layers; for the rates
# <results>/xor/two_points/{xor_setting}.nc and .csv; <results>/tables/xor.csv (one row a network and pair) and
# xor_summary.csv (one row a setting); and the figure <results>/figures/xor.

XOR = study["xor_rows"]
# what decides a row's training: which hidden layer is looked at afterwards does not
XOR_TRAINED = {
    name: {column: value for column, value in row.items() if column != "layer"}
    for name, row in XOR.items()
}
# the same networks on two points, at the same learning rate
XOR_RATES = {
    name: {
        **row,
        **study["two_points"]["task"],
        "lr": row["lr"] * study["xor"]["lr_factor"],
        "refine": 1,
        "rest_loss": study["training"]["rest_loss"],
    }
    for name, row in XOR_TRAINED.items()
}


rule train_xor:
    input:
        code=code("train_xor.py"),
        architecture=lambda wildcards: code(
            f"repdyn/architectures/{XOR[wildcards.xor_setting]['model']}.py"
        ),
    output:
        runs="<results>/xor/{xor_setting}.nc",
    log:
        "<logs>/xor/{xor_setting}.log",
    cache: CACHED
    conda:
        "../envs/training.yaml"
    resources:
        **training(),
    params:
        row=lambda wildcards: XOR_TRAINED[wildcards.xor_setting],
        lr_factor=study["xor"]["lr_factor"],
        device=study["training"]["device"],
    script:
        "../scripts/train_xor.py"


rule train_xor_rates:
    input:
        code=code("train.py"),
        architecture=lambda wildcards: code(
            f"repdyn/architectures/{XOR[wildcards.xor_setting]['model']}.py"
        ),
        data="<results>/data/two_points.nc",
    output:
        trajectories="<results>/xor/two_points/{xor_setting}.nc",
    log:
        "<logs>/xor/two_points/{xor_setting}.log",
    cache: CACHED
    conda:
        "../envs/training.yaml"
    resources:
        **training(),
    params:
        row=lambda wildcards: XOR_RATES[wildcards.xor_setting],
        device=study["training"]["device"],
    script:
        "../scripts/train.py"


rule fit_xor_rates:
    input:
        code=code("fit.py"),
        trajectories="<results>/xor/two_points/{xor_setting}.nc",
    output:
        fits="<results>/xor/two_points/{xor_setting}.csv",
    log:
        "<logs>/xor/two_points/{xor_setting}_fit.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        loss_above=study["runs"]["discard_loss_above"],
    script:
        "../scripts/fit.py"


rule compare_xor:
    input:
        code=code("compare_xor.py"),
        runs=expand("<results>/xor/{xor_setting}.nc", xor_setting=XOR),
        fits=expand("<results>/xor/two_points/{xor_setting}.csv", xor_setting=XOR),
    output:
        pairs=report(
            "<results>/tables/xor.csv",
            caption="../report/xor_table.rst",
            category="XOR",
            labels={"result": "table, every network and pair"},
        ),
        summary=report(
            "<results>/tables/xor_summary.csv",
            caption="../report/xor_table.rst",
            category="XOR",
            labels={"result": "table, numbers of every setting"},
        ),
    log:
        "<logs>/compare_xor.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layers={name: row["layer"] for name, row in XOR.items()},
        loss_above=study["runs"]["discard_loss_above"],
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/compare_xor.py"


rule xor:
    input:
        code=code("plot_xor.py"),
        pairs=rules.compare_xor.output.pairs,
        summary=rules.compare_xor.output.summary,
    output:
        svg=report(
            "<results>/figures/xor.svg",
            caption="../report/xor.rst",
            category="XOR",
            labels={"result": "figure, distance matrices"},
        ),
        png="<results>/figures/xor.png",
        csv="<results>/figures/xor.csv",
    log:
        "<logs>/figures/xor.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        gains={name: row["gain"] for name, row in XOR.items()},
        confidence=study["fits"]["confidence"],
        networks=study["xor"]["networks"],
    script:
        "../scripts/plot_xor.py"
