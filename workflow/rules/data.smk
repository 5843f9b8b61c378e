# Takes: the task of the configuration. Makes: <results>/data/two_points.nc, the inputs and targets of two points.


rule prepare_two_points:
    input:
        code=code("prepare_two_points.py"),
    output:
        data="<results>/data/two_points.nc",
    log:
        "<logs>/prepare_two_points.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        task=study["two_points"]["task"],
    script:
        "../scripts/prepare_two_points.py"
