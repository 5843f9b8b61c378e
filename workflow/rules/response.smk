# Takes: the table of response (the second system) and its task.
# Makes: <results>/response/{response}.nc, the training response of every network and method as it learns; of it the
# tables response_law.csv (one row a network, method and stage), response_law_verdicts.csv, response_rank.csv (one row
# a network, method and loss), response_rank_effects.csv, response_rank_correlations.csv, response_rank_combined.csv;
# response_splitting.csv (one row a network and method), response_splitting_summary.csv;
# <results>/response_plasticity/{response}.nc, losses on a second encoding; the tables response_plasticity.csv (one row a
# network, method and age) and response_plasticity_summary.csv; the figures response_law, response_rank,
# response_splitting and response_plasticity.

RESPONSE, PLASTICITY = study["response"], study["response_plasticity"]
# where another encoding is as hard: the same task, turned
ON_CIRCLE = [name for name, row in RESPONSE["rows"].items() if row["shape"] == "circle"]


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
        verdicts=table("response_law_verdicts", "where the law holds", "Training response"),
    params:
        confidence=study["intervals"]["confidence"],
        stages=study["response_law"],
    script:
        "../scripts/run.py"


rule response_law_plot:
    """Draw aging and kernel of the training response."""
    input:
        code=code("response_law/plot.py"),
        table=rules.response_law_fit.output.table,
        verdicts=rules.response_law_fit.output.verdicts,
    output:
        **figure("response_law", "aging and kernel", "Training response"),
    params:
        confidence=study["intervals"]["confidence"],
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
        table=table(
            "response_rank", "feature space and fragility of every network", "Training response"
        ),
        effects="<results>/tables/response_rank_effects.csv",
        correlations="<results>/tables/response_rank_correlations.csv",
        combined="<results>/tables/response_rank_combined.csv",
    params:
        confidence=study["intervals"]["confidence"],
        levels=study["response_rank"]["levels"],
    script:
        "../scripts/run.py"


rule response_rank_plot:
    """Draw feature spaces and fragility."""
    input:
        code=code("response_rank/plot.py"),
        table=rules.response_rank_compare.output.table,
        effects=rules.response_rank_compare.output.effects,
        combined=rules.response_rank_compare.output.combined,
    output:
        **figure("response_rank", "feature space and fragility", "Training response"),
    params:
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule response_rank:
    """Second system: feature space and fragility."""
    input:
        rules.response_rank_plot.output,


rule response_splitting_compare:
    """Count the parts into which the response divides the inputs, before training and after it."""
    input:
        code=code("response_splitting/compare.py"),
        runs=expand("<results>/response/{response}.nc", response=RESPONSE["rows"]),
    output:
        table=table("response_splitting", "parts of every network", "Training response"),
        summary=table("response_splitting_summary", "parts of the inputs", "Training response"),
    params:
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule response_splitting_plot:
    """Draw how training divides the inputs."""
    input:
        code=code("response_splitting/plot.py"),
        table=rules.response_splitting_compare.output.table,
        summary=rules.response_splitting_compare.output.summary,
    output:
        **figure("response_splitting", "parts of the inputs", "Training response"),
    params:
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule response_splitting:
    """Second system: does training divide the inputs into parts?"""
    input:
        rules.response_splitting_plot.output,


rule response_plasticity_train:
    """Train the networks of a row on a second encoding, fresh and after they have learned a first one."""
    input:
        code=code("response_plasticity/train.py"),
        architecture=code("repdyn/networks/architectures/mlp.py"),
    output:
        runs="<results>/response_plasticity/{response}.nc",
    resources:
        **gpu_job(device="cpu"),
    params:
        **{**training(RESPONSE["rows"], "response"), "device": "cpu"},
        **{key: RESPONSE[key] for key in ("task", "minibatch")},
        **{key: PLASTICITY[key] for key in ("methods", "ages", "times")},
    script:
        "../scripts/run.py"


rule response_plasticity_compare:
    """Compare the steps that a second encoding takes with those of fresh networks."""
    input:
        code=code("response_plasticity/compare.py"),
        runs=expand("<results>/response_plasticity/{response}.nc", response=ON_CIRCLE),
    output:
        table=table(
            "response_plasticity", "every network on a second encoding", "Training response"
        ),
        summary=table("response_plasticity_summary", "plasticity", "Training response"),
    params:
        level=PLASTICITY["level"],
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule response_plasticity_plot:
    """Draw how long a second encoding takes."""
    input:
        code=code("response_plasticity/plot.py"),
        table=rules.response_plasticity_compare.output.table,
        summary=rules.response_plasticity_compare.output.summary,
    output:
        **figure("response_plasticity", "plasticity", "Training response"),
    params:
        level=PLASTICITY["level"],
        confidence=study["intervals"]["confidence"],
    script:
        "../scripts/run.py"


rule response_plasticity:
    """Second system: how long a second encoding takes after a first one."""
    input:
        rules.response_plasticity_plot.output,
