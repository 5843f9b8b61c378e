# Takes: rows of two points, and a grid of distances of the two points.
# Makes: <results>/final_distance/{two_points}.nc, every cell of the grid trained until it has learned, with the points where
# the paper has them and in general position, and .csv, where each ended and the rates of its first half. Of these, final
# distances predicted from the first half and from another pair of points: tables final_distance.csv (cells),
# final_distance_networks.csv and final_distance_summary.csv; the figure final_distance. And trajectories so predicted:
# tables out_of_sample.csv, out_of_sample_networks.csv and out_of_sample_summary.csv; the figure out_of_sample.

GRID = study["final_distance"]
GRID_ROWS = selected("final_distance", *GRID["rows"])

# what decides a row's training here: not how two_points trains it
OF_TWO_POINTS = ("steps", "finer", "rest_loss", "dx2", "dy2", "in_dim")
ON_THE_GRID = {
    name: {column: row[column] for column in row if column not in OF_TWO_POINTS}
    for name, row in smaller(POINTS, "final_distance").items()
}


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
        grid={key: GRID[key] for key in ("inputs", "dx", "dy", "finer", "steps", "stop_loss")},
        seed=study["seeds"]["points"],
    script:
        "../scripts/run.py"


rule final_distance_fit:
    """Say where the cells of a row ended, and fit the first half of each."""
    input:
        code=code("final_distance/fit.py"),
        runs="<results>/final_distance/{two_points}.nc",
    output:
        cells="<results>/final_distance/{two_points}.csv",
    params:
        layer=layer_of("two_points"),
        stop_loss=GRID["stop_loss"],
        drop_loss=GRID["drop_loss"],
    script:
        "../scripts/run.py"


rule final_distance_predict:
    """Predict final distances from first halves, from another pair of points, and by baselines."""
    input:
        code=code("final_distance/predict.py"),
        cells=expand("<results>/final_distance/{two_points}.csv", two_points=GRID_ROWS),
    output:
        table=table("final_distance", "every cell", "Final distance"),
        networks=table("final_distance_networks", "every network", "Final distance"),
        summary=table("final_distance_summary", "every setting", "Final distance"),
    params:
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule final_distance_plot:
    """Draw measured over predicted final distances."""
    input:
        code=code("final_distance/plot.py"),
        networks=rules.final_distance_predict.output.networks,
        summary=rules.final_distance_predict.output.summary,
    output:
        **figure("final_distance", "predicted against measured", "Final distance"),
    script:
        "../scripts/run.py"


rule final_distance:
    """How far apart representations end, predicted from rates."""
    input:
        rules.final_distance_plot.output,


rule out_of_sample_predict:
    """Predict trajectories from first halves and from another pair of points."""
    input:
        code=code("out_of_sample/predict.py"),
        runs=expand("<results>/final_distance/{two_points}.nc", two_points=GRID_ROWS),
        cells=expand("<results>/final_distance/{two_points}.csv", two_points=GRID_ROWS),
    output:
        table=table("out_of_sample", "errors of trajectories", "Final distance"),
        networks=table("out_of_sample_networks", "errors, every network", "Final distance"),
        summary=table("out_of_sample_summary", "errors, every setting", "Final distance"),
    params:
        layers=layers(GRID_ROWS),
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule out_of_sample_plot:
    """Draw the errors of predicted trajectories beside those of baselines."""
    input:
        code=code("out_of_sample/plot.py"),
        networks=rules.out_of_sample_predict.output.networks,
        summary=rules.out_of_sample_predict.output.summary,
    output:
        **figure("out_of_sample", "whole trajectories out of sample", "Final distance"),
    script:
        "../scripts/run.py"


rule out_of_sample:
    """Whole trajectories, predicted from rates of other points."""
    input:
        rules.out_of_sample_plot.output,
