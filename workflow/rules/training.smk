# Takes: the task's data and one row of the settings table.
# Makes: <results>/trajectories/{setting}.nc, what all networks of the row did at every step.

# what decides a row's training: which hidden layer is looked at afterwards does not
TRAINED = {
    name: {column: value for column, value in row.items() if column != "layer"}
    for name, row in study["rows"].items()
}


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
    cache: CACHED
    conda:
        "../envs/training.yaml"
    resources:
        **training(),
    params:
        row=lambda wildcards: TRAINED[wildcards.setting],
        device=study["training"]["device"],
    script:
        "../scripts/train.py"
