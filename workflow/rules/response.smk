# Takes: the table of response (the second system) and its task.
# Makes: <results>/response/{response}.nc, the training response of every network and method as it learns; of it the
# tables response_law.csv (one row a network, method and stage), response_law_verdicts.csv, response_rank.csv,
# response_rank_fragility.csv (one row a network, method and loss), response_rank_effects.csv,
# response_rank_correlations.csv; the figures response_law and response_rank.

RESPONSE = study["response"]


rule response_train:
    """Train the networks of a row by every method, and measure their training response."""
    input:
        code=code("response/train.py"),
        architecture=code("repdyn/networks/architectures/mlp.py"),
    output:
        runs="<results>/response/{response}.nc",
    resources:
        **gpu_job(),
    params:
        **training(RESPONSE["rows"], "response"),
        **{key: RESPONSE[key] for key in ("task", "methods", "minibatch", "times", "radius")},
    script:
        "../scripts/run.py"


rule response_law_fit:
    """Fit laws of decay and kernels to the training responses."""
    input:
        code=code("response_law/fit.py"),
        runs=expand("<results>/response/{response}.nc", response=RESPONSE["rows"]),
    output:
        table=table("response_law", "the law in every network", "Training response"),
        verdicts=table(
            "response_law_verdicts",
            "where the law holds",
            "Training response",
            "response_law_table",
        ),
        curves="<results>/response/law_curves.csv",
    params:
        **uncertainty(),
        stages=study["response_law"],
    script:
        "../scripts/run.py"


rule response_law_plot:
    """Draw aging and kernel of the training response."""
    input:
        code=code("response_law/plot.py"),
        verdicts=rules.response_law_fit.output.verdicts,
        curves=rules.response_law_fit.output.curves,
    output:
        **figure("response_law", "aging and kernel", "Training response"),
    params:
        networks=RESPONSE["networks"],
    script:
        "../scripts/run.py"


rule response_law:
    """Second system: aging and kernel of the training response."""
    input:
        rules.response_law_plot.output,


rule response_rank_compare:
    """Compare feature spaces and fragility between methods at the same loss."""
    input:
        code=code("response_rank/compare.py"),
        runs=expand("<results>/response/{response}.nc", response=RESPONSE["rows"]),
    output:
        ranks=table("response_rank", "feature space of every network", "Training response"),
        fragility=table(
            "response_rank_fragility",
            "fragility of every network",
            "Training response",
            "response_rank_table",
        ),
        effects="<results>/tables/response_rank_effects.csv",
        correlations="<results>/tables/response_rank_correlations.csv",
        curves="<results>/response/rank_curves.csv",
    params:
        **uncertainty(),
        levels=study["response_rank"]["levels"],
    script:
        "../scripts/run.py"


rule response_rank_plot:
    """Draw feature spaces and fragility."""
    input:
        code=code("response_rank/plot.py"),
        ranks=rules.response_rank_compare.output.ranks,
        fragility=rules.response_rank_compare.output.fragility,
        effects=rules.response_rank_compare.output.effects,
        correlations=rules.response_rank_compare.output.correlations,
    output:
        **figure("response_rank", "feature space and fragility", "Training response"),
    params:
        confidence=study["intervals"]["confidence"],
        networks=RESPONSE["networks"],
    script:
        "../scripts/run.py"


rule response_rank:
    """Second system: feature space and fragility."""
    input:
        rules.response_rank_plot.output,
