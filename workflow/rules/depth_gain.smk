# Takes: the task's data and one row of the table of the phase diagram.
# Makes: <results>/depth_gain/{depth}.nc and .csv, runs and fits of all gains at one depth; tables/depth_gain.csv, their
# crossovers from rich to lazy (depth_gain_crossover.csv) and how rates follow parameter counts
# (depth_gain_exponents.csv); the figure depth_gain.

DEPTHS = list(study["depths"])


rule train_depth_gain:
    input:
        code=code("train_depth_gain.py"),
        architecture=code("repdyn/architectures/mlp.py"),
        data="<results>/data/two_points.nc",
    output:
        runs="<results>/depth_gain/{depth}.nc",
    log:
        "<logs>/train_depth_gain/{depth}.log",
    cache: CACHED
    conda:
        "../envs/training.yaml"
    resources:
        **training(),
    params:
        row=lambda wildcards: study["depths"][wildcards.depth],
        device=study["training"]["device"],
    script:
        "../scripts/train_depth_gain.py"


rule fit_depth_gain:
    input:
        code=code("fit_depth_gain.py"),
        runs="<results>/depth_gain/{depth}.nc",
    output:
        fits="<results>/depth_gain/{depth}.csv",
    log:
        "<logs>/fit_depth_gain/{depth}.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        converged_below=study["depth_gain"]["converged_below"],
    script:
        "../scripts/fit_depth_gain.py"


rule summarise_depth_gain:
    input:
        code=code("summarise_depth_gain.py"),
        fits=expand("<results>/depth_gain/{depth}.csv", depth=DEPTHS),
    output:
        table=report(
            "<results>/tables/depth_gain.csv",
            caption="../report/depth_gain_table.rst",
            category="Tables",
            labels={"table": "phase diagram, every network and layer"},
        ),
        crossover="<results>/tables/depth_gain_crossover.csv",
        exponents="<results>/tables/depth_gain_exponents.csv",
    log:
        "<logs>/summarise_depth_gain.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        rows=[study["depths"][name] for name in DEPTHS],
        good_fit=study["depth_gain"]["good_fit"],
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/summarise_depth_gain.py"


rule depth_gain:
    input:
        code=code("plot_depth_gain.py"),
        fits=rules.summarise_depth_gain.output.table,
        crossover=rules.summarise_depth_gain.output.crossover,
        exponents=rules.summarise_depth_gain.output.exponents,
    output:
        svg=report(
            "<results>/figures/depth_gain.svg",
            caption="../report/depth_gain.rst",
            category="Depth and gain",
            labels={"figure": "phase diagram"},
        ),
        png="<results>/figures/depth_gain.png",
        csv="<results>/figures/depth_gain.csv",
    log:
        "<logs>/figures/depth_gain.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        width=[study["depths"][name]["width"] for name in DEPTHS],
        activation=[study["depths"][name]["activation"] for name in DEPTHS],
        good_fit=study["depth_gain"]["good_fit"],
        intervals=study["fits"],
    script:
        "../scripts/plot_depth_gain.py"
