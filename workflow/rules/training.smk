# Takes: the task's data and one row of the settings table.
# Makes: <results>/trajectories/{setting}.nc, what all networks of the row did at every step.


rule train:
    input:
        code=code("train.py"),
        data="<results>/data/two_points.nc",
    output:
        trajectories="<results>/trajectories/{setting}.nc",
    log:
        "<logs>/train/{setting}.log",
    conda:
        "../envs/training.yaml"
    params:
        row=lookup("rows/{setting}", within=study),
        device=lookup("training/device", within=study),
    script:
        "../scripts/train.py"
