# Takes: the table of networks that learn blobs with context, and the task.
# Makes: <results>/blobs/{blobs_setting}.nc, the observed layer's representation of every input before and after
# training; <results>/tables/blobs.csv (one row a network), blobs_summary.csv (one row a setting and feature) and
# <results>/blobs/maps.csv (three dimensions of one network's representation); and the figure <results>/figures/blobs.

BLOBS = study["blobs_rows"]


rule train_blobs:
    input:
        code=code("train_blobs.py"),
        architecture=lambda wildcards: code(
            f"repdyn/architectures/{BLOBS[wildcards.blobs_setting]['model']}.py"
        ),
    output:
        runs="<results>/blobs/{blobs_setting}.nc",
    log:
        "<logs>/blobs/{blobs_setting}.log",
    cache: CACHED
    conda:
        "../envs/training.yaml"
    resources:
        **training(),
    params:
        row=lambda wildcards: BLOBS[wildcards.blobs_setting],
        task=study["blobs"]["task"],
        batch=study["blobs"]["batch"],
        share=study["blobs"]["epochs_share"],
        device=study["training"]["device"],
    script:
        "../scripts/train_blobs.py"


rule measure_blobs:
    input:
        code=code("measure_blobs.py"),
        runs=expand("<results>/blobs/{blobs_setting}.nc", blobs_setting=BLOBS),
    output:
        table=report(
            "<results>/tables/blobs.csv",
            caption="../report/blobs_table.rst",
            category="Blobs with context",
            labels={"result": "table, every network"},
        ),
        summary=report(
            "<results>/tables/blobs_summary.csv",
            caption="../report/blobs_table.rst",
            category="Blobs with context",
            labels={"result": "table, features of every setting"},
        ),
        mapped="<results>/blobs/maps.csv",
    log:
        "<logs>/measure_blobs.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        settings=list(BLOBS),  # in this order
        loss_above=study["runs"]["discard_loss_above"],
        side=study["blobs"]["map_positions"],
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
        mds_seed=study["seeds"]["maps"],
    script:
        "../scripts/measure_blobs.py"


rule blobs:
    input:
        code=code("plot_blobs.py"),
        mapped=rules.measure_blobs.output.mapped,
        summary=rules.measure_blobs.output.summary,
    output:
        svg=report(
            "<results>/figures/blobs.svg",
            caption="../report/blobs.rst",
            category="Blobs with context",
            labels={"result": "figure, maps of the representation"},
        ),
        png="<results>/figures/blobs.png",
        csv="<results>/figures/blobs.csv",
    log:
        "<logs>/figures/blobs.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        gains={name: row["gain"] for name, row in BLOBS.items()},
        confidence=study["fits"]["confidence"],
        task=study["blobs"]["task"],
        share=study["blobs"]["epochs_share"],
        networks=study["blobs"]["networks"],
    script:
        "../scripts/plot_blobs.py"
