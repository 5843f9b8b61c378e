# Takes: the task's data and one row of the settings table.
# Makes: <results>/trajectories/{setting}.nc, what all networks of the row did at every step.


rule train:
    input:
        code=code("train.py"),
        # of the architectures only the row's own one: a new one leaves what is trained already alone
        architecture=lambda wildcards: code(
            f"repdyn/architectures/{study['rows'][wildcards.setting]['model']}.py"
        ),
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
