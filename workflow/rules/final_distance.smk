# Takes: rows of two points, a grid of distances of the two points, and fits of two_points.
# Makes: <results>/final_distance/{two_points}.nc, every cell of the grid trained until it has learned, and .csv, where it
# ended and its own rates; tables final_distance.csv, measured beside predicted final distances, and
# final_distance_explained.csv, what the deviations come from; the figure final_distance. Of the same trajectories:
# the table out_of_sample.csv, the error of every trajectory as predicted from rates fitted at other distances, beside
# that of a fit at the cell itself; the figure out_of_sample.

GRID = study["final_distance"]
GRID_ROWS = selected("final_distance", *GRID["rows"])

# what decides a row's training here: not how two_points trains it
OF_TWO_POINTS = ("steps", "networks", "finer", "rest_loss", "dx2", "dy2")
ON_THE_GRID = {
    name: {column: row[column] for column in row if column not in OF_TWO_POINTS}
    for name, row in POINTS.items()
}

# steps on the grid for as much training as in two_points
HORIZONS = {name: row["steps"] * GRID["finer"] for name, row in POINTS.items()}


rule final_distance_train:
    """Train a row at every cell of the grid of distances, until it has learned."""
    input:
        code=code("final_distance/train.py"),
        architecture=architecture("two_points"),
    output:
        runs="<results>/final_distance/{two_points}.nc",
    resources:
        **gpu_job(),
    params:
        **training(ON_THE_GRID, "two_points"),
        grid={key: GRID[key] for key in ("dx", "dy", "networks", "finer", "steps", "stop_loss")},
    script:
        "../scripts/run.py"


rule final_distance_fit:
    """Say where the cells of a row ended, and fit each by itself."""
    input:
        code=code("final_distance/fit.py"),
        runs="<results>/final_distance/{two_points}.nc",
    output:
        cells="<results>/final_distance/{two_points}.csv",
    params:
        **of_row("two_points", layer="layer"),
        horizon=lambda wildcards: HORIZONS[wildcards.two_points],
        stop_loss=GRID["stop_loss"],
        drop_loss=GRID["drop_loss"],
    script:
        "../scripts/run.py"


rule final_distance_predict:
    """Predict final distances from rates fitted elsewhere, and explain what is missed."""
    input:
        code=code("final_distance/predict.py"),
        cells=expand("<results>/final_distance/{two_points}.csv", two_points=GRID_ROWS),
        fits=expand("<results>/two_points/{two_points}.csv", two_points=GRID_ROWS),
    output:
        table=table("final_distance", "every cell", "Final distance"),
        explained=table(
            "final_distance_explained", "what explains the deviations", "Final distance"
        ),
    params:
        **uncertainty(),
        settings=GRID_ROWS,
    script:
        "../scripts/run.py"


rule final_distance_plot:
    """Draw measured over predicted final distances."""
    input:
        code=code("final_distance/plot.py"),
        table=rules.final_distance_predict.output.table,
        explained=rules.final_distance_predict.output.explained,
    output:
        **figure("final_distance", "predicted against measured", "Final distance"),
    params:
        rows={name: POINTS[name] for name in GRID_ROWS},
    script:
        "../scripts/run.py"


rule final_distance:
    """How far apart representations end, predicted from rates."""
    input:
        rules.final_distance_plot.output,


rule out_of_sample_predict:
    """Predict whole trajectories from rates fitted at other distances."""
    input:
        code=code("out_of_sample/predict.py"),
        runs=expand("<results>/final_distance/{two_points}.nc", two_points=GRID_ROWS),
        cells=expand("<results>/final_distance/{two_points}.csv", two_points=GRID_ROWS),
        fits=expand("<results>/two_points/{two_points}.csv", two_points=GRID_ROWS),
    output:
        table=table("out_of_sample", "errors of trajectories", "Final distance"),
    params:
        settings=GRID_ROWS,
        layers=layers(GRID_ROWS),
        horizons=[HORIZONS[name] for name in GRID_ROWS],
        # the learning rate of two_points over the grid's
        finer=GRID["finer"] / study["training"]["finer"],
    script:
        "../scripts/run.py"


rule out_of_sample_plot:
    """Draw the errors of predicted trajectories."""
    input:
        code=code("out_of_sample/plot.py"),
        table=rules.out_of_sample_predict.output.table,
    output:
        **figure("out_of_sample", "whole trajectories out of sample", "Final distance"),
    params:
        rows={name: POINTS[name] for name in GRID_ROWS},
    script:
        "../scripts/run.py"


rule out_of_sample:
    """Whole trajectories, predicted from rates of other points."""
    input:
        rules.out_of_sample_plot.output,
