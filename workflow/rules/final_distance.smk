# Takes: rows of the settings table, a grid of distances of the two points, and fits of the two-point study.
# Makes: <results>/final_distance/{setting}.nc, every cell of the grid trained until it has learned, and .csv, where it
# ended and its own rates; <results>/tables/final_distance.csv, measured beside predicted final distances, and
# final_distance_explained.csv, what the deviations come from; <results>/figures/final_distance.

GRID = study["final_distance"]

# what decides a row's training here: not how the two-point study trains it
OF_THE_STUDY = ("layer", "steps", "networks", "refine", "rest_loss", "dx2", "dy2")
ON_THE_GRID = {
    name: {column: row[column] for column in row if column not in OF_THE_STUDY}
    for name, row in study["rows"].items()
}

# steps on the grid for as much training as in the two-point study
HORIZONS = {name: row["steps"] * GRID["slower"] for name, row in study["rows"].items()}


rule train_grid:
    input:
        code=code("train_grid.py"),
        architecture=lambda wildcards: code(
            f"repdyn/architectures/{study['rows'][wildcards.setting]['model']}.py"
        ),
    output:
        trajectories="<results>/final_distance/{setting}.nc",
    log:
        "<logs>/train_grid/{setting}.log",
    cache: CACHED
    conda:
        "../envs/training.yaml"
    resources:
        **training(),
    params:
        row=lambda wildcards: ON_THE_GRID[wildcards.setting],
        grid={key: GRID[key] for key in ("dx", "dy", "networks", "slower", "steps", "stop_loss")},
        device=study["training"]["device"],
    script:
        "../scripts/train_grid.py"


rule fit_grid:
    input:
        code=code("fit_grid.py"),
        trajectories="<results>/final_distance/{setting}.nc",
    output:
        cells="<results>/final_distance/{setting}.csv",
    log:
        "<logs>/fit_grid/{setting}.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layer=lambda wildcards: study["rows"][wildcards.setting]["layer"],
        horizon=lambda wildcards: HORIZONS[wildcards.setting],
        stop_loss=GRID["stop_loss"],
        drop_loss=GRID["drop_loss"],
    script:
        "../scripts/fit_grid.py"


rule predict_final_distance:
    input:
        code=code("predict_final_distance.py"),
        cells=expand("<results>/final_distance/{setting}.csv", setting=GRID["rows"]),
        fits=expand("<results>/fits/{setting}.csv", setting=GRID["rows"]),
    output:
        table=report(
            "<results>/tables/final_distance.csv",
            caption="../report/final_distance_table.rst",
            category="Tables",
            labels={"table": "final distances, every cell"},
        ),
        explained=report(
            "<results>/tables/final_distance_explained.csv",
            caption="../report/final_distance_explained.rst",
            category="Tables",
            labels={"table": "final distances, what explains the deviations"},
        ),
    log:
        "<logs>/predict_final_distance.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        settings=GRID["rows"],  # in this order
        layers=observed(GRID["rows"]),
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/predict_final_distance.py"


rule final_distance:
    input:
        code=code("plot_final_distance.py"),
        table="<results>/tables/final_distance.csv",
        explained="<results>/tables/final_distance_explained.csv",
    output:
        svg=report(
            "<results>/figures/final_distance.svg",
            caption="../report/final_distance.rst",
            category="Final distance",
            labels={"figure": "predicted against measured"},
        ),
        png="<results>/figures/final_distance.png",
        csv="<results>/figures/final_distance.csv",
    log:
        "<logs>/figures/final_distance.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        rows={name: study["rows"][name] for name in GRID["rows"]},
    script:
        "../scripts/plot_final_distance.py"
