# Takes: trajectories.
# Makes: <results>/fits/{setting}.csv, the theory's rates for every network and hidden layer, and two tables over all
# settings: <results>/tables/fits.csv (one row a fit) and settings.csv (means at the table's layer, with intervals).


rule fit:
    input:
        code=code("fit.py"),
        trajectories="<results>/trajectories/{setting}.nc",
    output:
        fits="<results>/fits/{setting}.csv",
    log:
        "<logs>/fit/{setting}.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        loss_above=study["runs"]["discard_loss_above"],
    script:
        "../scripts/fit.py"


rule collect_fits:
    input:
        code=code("collect_fits.py"),
        fits=expand("<results>/fits/{setting}.csv", setting=SETTINGS),
    output:
        table=report(
            "<results>/tables/fits.csv",
            caption="../report/fits.rst",
            category="Tables",
            labels={"table": "fits, every network and layer"},
        ),
    log:
        "<logs>/collect_fits.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        settings=SETTINGS,  # in this order
    script:
        "../scripts/collect_fits.py"


rule summarise_settings:
    input:
        code=code("summarise_settings.py"),
        fits=rules.collect_fits.output.table,
    output:
        table=report(
            "<results>/tables/settings.csv",
            caption="../report/settings.rst",
            category="Tables",
            labels={"table": "settings, means at the table's layer"},
        ),
    log:
        "<logs>/summarise_settings.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layers={name: row["layer"] for name, row in study["rows"].items()},
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/summarise_settings.py"
