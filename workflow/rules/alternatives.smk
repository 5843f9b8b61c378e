# Takes: trajectories, and fits for which runs are kept.
# Makes: <results>/alternatives/{setting}.csv, the theory and four altered equations fitted to the same curves;
# <results>/tables/alternatives.csv, all of them; <results>/figures/alternatives, which of them describes networks best.

ALTERNATIVES = [
    name
    for name in SETTINGS
    if study["alternatives"]["rows"] == "all" or name in study["alternatives"]["rows"]
]


rule fit_alternatives:
    input:
        code=code("fit_alternatives.py"),
        trajectories="<results>/trajectories/{setting}.nc",
        fits="<results>/fits/{setting}.csv",
    output:
        fits="<results>/alternatives/{setting}.csv",
    log:
        "<logs>/fit_alternatives/{setting}.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layer=lambda wildcards: study["rows"][wildcards.setting]["layer"],
    script:
        "../scripts/fit_alternatives.py"


rule collect_alternatives:
    input:
        code=code("collect_fits.py"),
        fits=expand("<results>/alternatives/{setting}.csv", setting=ALTERNATIVES),
    output:
        table=report(
            "<results>/tables/alternatives.csv",
            caption="../report/alternatives_table.rst",
            category="Tables",
            labels={"table": "theory and altered equations, every network"},
        ),
    log:
        "<logs>/collect_alternatives.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        settings=ALTERNATIVES,  # in this order
    script:
        "../scripts/collect_fits.py"


rule alternatives:
    input:
        code=code("plot_alternatives.py"),
        fits=rules.collect_alternatives.output.table,
        trajectories=f"<results>/trajectories/{study['alternatives']['shown']}.nc",
    output:
        svg=report(
            "<results>/figures/alternatives.svg",
            caption="../report/alternatives.rst",
            category="Falsification",
            labels={"figure": "the theory against altered equations"},
        ),
        png="<results>/figures/alternatives.png",
        csv="<results>/figures/alternatives.csv",
    log:
        "<logs>/figures/alternatives.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/plot_alternatives.py"
