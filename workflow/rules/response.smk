# Takes: the table of the second system and its task; for the bridge to the first system rows of the two-point study.
# Makes: <results>/response/{response_setting}.nc, the training response of every network and method as it learns;
# tables response_law.csv (one row a network, method and stage), response_verdicts.csv, response_rank.csv, fragility.csv
# (one row a network, method and loss), response_effects.csv, fragility_correlation.csv, response_bridge.csv (one row a
# network and window of training) and response_bridge_summary.csv; figures response_law, response_rank, response_bridge.

RESPONSE = study["response"]
# batch 0: all points
RESPONSE_METHODS = {
    "single": {"batch": 1, "solver": "sgd"},
    "minibatch": {"batch": RESPONSE["minibatch"], "solver": "sgd"},
    "full": {"batch": 0, "solver": "sgd"},
    "adam": {"batch": 0, "solver": "adam"},
}
BRIDGED = RESPONSE["bridge"]["rows"]


rule train_response:
    input:
        code=code("train_response.py"),
        architecture=code("repdyn/architectures/mlp.py"),
    output:
        runs="<results>/response/{response_setting}.nc",
    log:
        "<logs>/response/{response_setting}.log",
    cache: CACHED
    conda:
        "../envs/training.yaml"
    resources:
        **training(),
    params:
        row=lambda wildcards: study["response_rows"][wildcards.response_setting],
        task=study["response"]["task"],
        methods={name: RESPONSE_METHODS[name] for name in RESPONSE["methods"]},
        times=study["response"]["times"],
        radius=study["response"]["radius"],
        device=study["training"]["device"],
    script:
        "../scripts/train_response.py"


rule fit_response_law:
    input:
        code=code("fit_response_law.py"),
        runs=expand(
            "<results>/response/{response_setting}.nc", response_setting=study["response_rows"]
        ),
    output:
        table=report(
            "<results>/tables/response_law.csv",
            caption="../report/response_law_table.rst",
            category="Training response",
            labels={"result": "table, the law in every network"},
        ),
        verdicts=report(
            "<results>/tables/response_verdicts.csv",
            caption="../report/response_law_table.rst",
            category="Training response",
            labels={"result": "table, where the law holds"},
        ),
        curves="<results>/response/law_curves.csv",
    log:
        "<logs>/fit_response_law.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        stages=study["response"]["stages"],
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/fit_response_law.py"


rule response_law:
    input:
        code=code("plot_response_law.py"),
        verdicts=rules.fit_response_law.output.verdicts,
        curves=rules.fit_response_law.output.curves,
    output:
        svg=report(
            "<results>/figures/response_law.svg",
            caption="../report/response_law.rst",
            category="Training response",
            labels={"result": "figure, aging and kernel"},
        ),
        png="<results>/figures/response_law.png",
        csv="<results>/figures/response_law.csv",
    log:
        "<logs>/figures/response_law.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        networks=study["response"]["networks"],
    script:
        "../scripts/plot_response_law.py"


rule compare_response_rank:
    input:
        code=code("compare_response_rank.py"),
        runs=expand(
            "<results>/response/{response_setting}.nc", response_setting=study["response_rows"]
        ),
    output:
        ranks=report(
            "<results>/tables/response_rank.csv",
            caption="../report/response_rank_table.rst",
            category="Training response",
            labels={"result": "table, feature space of every network"},
        ),
        fragility=report(
            "<results>/tables/fragility.csv",
            caption="../report/response_rank_table.rst",
            category="Training response",
            labels={"result": "table, fragility of every network"},
        ),
        effects="<results>/tables/response_effects.csv",
        correlations="<results>/tables/fragility_correlation.csv",
        curves="<results>/response/rank_curves.csv",
    log:
        "<logs>/compare_response_rank.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        levels=study["response"]["levels"],
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/compare_response_rank.py"


rule response_rank:
    input:
        code=code("plot_response_rank.py"),
        ranks=rules.compare_response_rank.output.ranks,
        fragility=rules.compare_response_rank.output.fragility,
        effects=rules.compare_response_rank.output.effects,
        correlations=rules.compare_response_rank.output.correlations,
    output:
        svg=report(
            "<results>/figures/response_rank.svg",
            caption="../report/response_rank.rst",
            category="Training response",
            labels={"result": "figure, feature space and fragility"},
        ),
        png="<results>/figures/response_rank.png",
        csv="<results>/figures/response_rank.csv",
    log:
        "<logs>/figures/response_rank.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        confidence=study["fits"]["confidence"],
        networks=study["response"]["networks"],
    script:
        "../scripts/plot_response_rank.py"


rule train_response_bridge:
    input:
        code=code("train_response_bridge.py"),
        architecture=lambda wildcards: code(
            f"repdyn/architectures/{study['rows'][wildcards.setting]['model']}.py"
        ),
        data="<results>/data/two_points.nc",
        trajectories="<results>/trajectories/{setting}.nc",
    output:
        kernels="<results>/response/bridge/{setting}.nc",
    log:
        "<logs>/response/bridge/{setting}.log",
    cache: CACHED
    conda:
        "../envs/training.yaml"
    resources:
        **training(),
    params:
        row=lambda wildcards: TRAINED[wildcards.setting],
        times=study["response"]["bridge"]["times"],
        device=study["training"]["device"],
    script:
        "../scripts/train_response_bridge.py"


rule compare_response_bridge:
    input:
        code=code("compare_response_bridge.py"),
        trajectories=expand("<results>/trajectories/{setting}.nc", setting=BRIDGED),
        kernels=expand("<results>/response/bridge/{setting}.nc", setting=BRIDGED),
        fits=expand("<results>/fits/{setting}.csv", setting=BRIDGED),
    output:
        table=report(
            "<results>/tables/response_bridge.csv",
            caption="../report/response_bridge_table.rst",
            category="Training response",
            labels={"result": "table, rates in windows of training"},
        ),
        summary="<results>/tables/response_bridge_summary.csv",
        curves="<results>/response/bridge_curves.csv",
    log:
        "<logs>/compare_response_bridge.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        layers=observed(BRIDGED),
        windows=study["response"]["bridge"]["windows"],
        intervals=study["fits"],
        seed=study["seeds"]["bootstrap"],
    script:
        "../scripts/compare_response_bridge.py"


rule response_bridge:
    input:
        code=code("plot_response_bridge.py"),
        table=rules.compare_response_bridge.output.table,
        summary=rules.compare_response_bridge.output.summary,
        curves=rules.compare_response_bridge.output.curves,
    output:
        svg=report(
            "<results>/figures/response_bridge.svg",
            caption="../report/response_bridge.rst",
            category="Training response",
            labels={"result": "figure, the bridge to the first system"},
        ),
        png="<results>/figures/response_bridge.png",
        csv="<results>/figures/response_bridge.csv",
    log:
        "<logs>/figures/response_bridge.log",
    cache: CACHED
    conda:
        "../envs/analysis.yaml"
    params:
        rows={name: study["rows"][name] for name in BRIDGED},
        confidence=study["fits"]["confidence"],
    script:
        "../scripts/plot_response_bridge.py"
