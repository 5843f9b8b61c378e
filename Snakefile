# repdyn: how the representations of deep networks move. From an empty folder to fitted theory, figures and tables.
#
#   snakemake                                     everything that README.md shows, at a laptop's size
#   snakemake depth                               one experiment: its figure, its tables, and what they need
#   snakemake --list                              what there is
#   snakemake --configfile config/paper.yaml      full fidelity: 50 networks a setting

from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"
include: "workflow/rules/caching.smk"


report: "workflow/report/workflow.rst"


pathvars:
    results=study["results"],
    logs=f"{study['results']}/logs",


wildcard_constraints:
    **{table: "|".join(map(re.escape, study[table]["rows"])) for table in TABLES},
    mnist=r"mnist_(pairs|structure)[\w.]*",


include: "workflow/rules/two_points.smk"
include: "workflow/rules/depth.smk"
include: "workflow/rules/measured_rates.smk"
include: "workflow/rules/width.smk"
include: "workflow/rules/gains.smk"
include: "workflow/rules/clock.smk"
include: "workflow/rules/key_figure.smk"
include: "workflow/rules/phase_diagram.smk"
include: "workflow/rules/falsification.smk"
include: "workflow/rules/final_distance.smk"
include: "workflow/rules/repeatability.smk"
include: "workflow/rules/xor.smk"
include: "workflow/rules/blobs.smk"
include: "workflow/rules/mnist.smk"
include: "workflow/rules/coupled.smk"
include: "workflow/rules/modern.smk"
include: "workflow/rules/response.smk"
include: "workflow/rules/claims.smk"  # after all others: it looks at what they make
include: "workflow/rules/overview.smk"
include: "workflow/rules/manifest.smk"


EXPERIMENTS = experiments(own(workflow.rules))
refuse_what_lacks_rows(own(workflow.rules))
refuse_what_is_misspelt(own(workflow.rules))
frame(own(workflow.rules))
say_little(own(workflow.rules))


rule all:
    """Make every experiment whose rows are selected."""
    default_target: True
    input:
        [f"<results>/figures/{name}.svg" for name in EXPERIMENTS if name not in study["faults"]],
        rules.two_points_summarise.output,
        rules.claims.input,
        rules.overview_write.output,
