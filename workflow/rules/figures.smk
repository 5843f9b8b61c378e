# Takes: fits, and the trajectories of the settings that a figure shows.
# Makes: <results>/figures/{architectures,trajectories,losses,depth,gains}, each as .svg and .png with a .csv of the
# numbers drawn. Settings are params as well as inputs: inputs are compared as a set, and a figure keeps the table's order.
# `snakemake depth` makes that figure, and trains nothing that it does not show.

DEPTH, GAINS = study["figures"]["depth"], study["figures"]["gains"]

# the first row of each architecture
first = {}
for name, row in study["rows"].items():
    first.setdefault(row["model"], name)
ARCHITECTURES = list(first.values())


rule architectures:
    input:
        code=code("plot_trajectories.py"),
        trajectories=expand("<results>/trajectories/{setting}.nc", setting=ARCHITECTURES),
        fits=expand("<results>/fits/{setting}.csv", setting=ARCHITECTURES),
    output:
        svg=report(
            "<results>/figures/architectures.svg",
            caption="../report/architectures.rst",
            category="Two points",
            labels={"figure": "one setting of each architecture"},
        ),
        png="<results>/figures/architectures.png",
        csv="<results>/figures/architectures.csv",
    log:
        "<logs>/figures/architectures.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        settings=ARCHITECTURES,
        layers=observed(ARCHITECTURES),
    script:
        "../scripts/plot_trajectories.py"


rule trajectories:
    input:
        code=code("plot_trajectories.py"),
        trajectories=expand("<results>/trajectories/{setting}.nc", setting=SETTINGS),
        fits=expand("<results>/fits/{setting}.csv", setting=SETTINGS),
    output:
        svg=report(
            "<results>/figures/trajectories.svg",
            caption="../report/trajectories.rst",
            category="Two points",
            labels={"figure": "trajectories of every setting"},
        ),
        png="<results>/figures/trajectories.png",
        csv="<results>/figures/trajectories.csv",
    log:
        "<logs>/figures/trajectories.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        settings=SETTINGS,
        layers=observed(SETTINGS),
    script:
        "../scripts/plot_trajectories.py"


rule losses:
    input:
        code=code("plot_losses.py"),
        trajectories=expand("<results>/trajectories/{setting}.nc", setting=SETTINGS),
        fits=expand("<results>/fits/{setting}.csv", setting=SETTINGS),
    output:
        svg=report(
            "<results>/figures/losses.svg",
            caption="../report/losses.rst",
            category="Two points",
            labels={"figure": "loss of every setting"},
        ),
        png="<results>/figures/losses.png",
        csv="<results>/figures/losses.csv",
    log:
        "<logs>/figures/losses.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        settings=SETTINGS,
        layers=observed(SETTINGS),
    script:
        "../scripts/plot_losses.py"


rule depth:
    input:
        code=code("plot_depth.py"),
        fits=f"<results>/fits/{DEPTH}.csv",
    output:
        svg=report(
            "<results>/figures/depth.svg",
            caption="../report/depth.rst",
            category="Two points",
            labels={"figure": "depth of the observed layer"},
        ),
        png="<results>/figures/depth.png",
        csv="<results>/figures/depth.csv",
    log:
        "<logs>/figures/depth.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        row=study["rows"][DEPTH],
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/plot_depth.py"


rule gains:
    input:
        code=code("plot_gains.py"),
        trajectories=expand("<results>/trajectories/{setting}.nc", setting=GAINS),
        fits=expand("<results>/fits/{setting}.csv", setting=GAINS),
    output:
        svg=report(
            "<results>/figures/gains.svg",
            caption="../report/gains.rst",
            category="Two points",
            labels={"figure": "scale of the initial weights"},
        ),
        png="<results>/figures/gains.png",
        csv="<results>/figures/gains.csv",
    log:
        "<logs>/figures/gains.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layers=observed(GAINS),
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/plot_gains.py"
