# Takes: trajectories on the grid of distances (final_distance.smk) and fits of the two-point study.
# Makes: <results>/tables/out_of_sample.csv, the error of every trajectory as predicted from rates fitted at other
# distances, beside that of a fit at the cell itself; <results>/figures/out_of_sample.


rule predict_trajectories:
    input:
        code=code("predict_trajectories.py"),
        trajectories=expand("<results>/final_distance/{setting}.nc", setting=GRID["rows"]),
        cells=expand("<results>/final_distance/{setting}.csv", setting=GRID["rows"]),
        fits=expand("<results>/fits/{setting}.csv", setting=GRID["rows"]),
    output:
        table=report(
            "<results>/tables/out_of_sample.csv",
            caption="../report/out_of_sample_table.rst",
            category="Tables",
            labels={"table": "trajectories out of sample, errors"},
        ),
    log:
        "<logs>/predict_trajectories.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        settings=GRID["rows"],  # in this order
        layers=observed(GRID["rows"]),
        horizons=[HORIZONS[name] for name in GRID["rows"]],
        # the grid's learning rate is that of the two-point study divided by this
        slower=GRID["slower"] / study["training"]["refine"],
    script:
        "../scripts/predict_trajectories.py"


rule out_of_sample:
    input:
        code=code("plot_out_of_sample.py"),
        table="<results>/tables/out_of_sample.csv",
    output:
        svg=report(
            "<results>/figures/out_of_sample.svg",
            caption="../report/out_of_sample.rst",
            category="Final distance",
            labels={"figure": "whole trajectories out of sample"},
        ),
        png="<results>/figures/out_of_sample.png",
        csv="<results>/figures/out_of_sample.csv",
    log:
        "<logs>/figures/out_of_sample.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        rows={name: study["rows"][name] for name in GRID["rows"]},
    script:
        "../scripts/plot_out_of_sample.py"
