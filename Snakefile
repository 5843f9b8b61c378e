# repdyn: how the representations of deep networks move. From an empty folder to fitted theory, figures and tables.
#
#   snakemake                                     the laptop study: two points, depth, gain, falsification
#   snakemake everything                          beside it final distances, XOR, blobs, MNIST and the training response
#   snakemake --configfile config/paper.yaml      full fidelity: 50 networks a setting
#   snakemake depth                               one figure, with its data (all of them: README.md)

from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"
include: "workflow/rules/caching.smk"


report: "workflow/report/workflow.rst"


pathvars:
    results=study["results"],
    logs=f"{study['results']}/logs",


wildcard_constraints:
    setting="|".join(map(re.escape, SETTINGS)),
    depth="|".join(map(re.escape, study["depths"])),
    xor_setting="|".join(map(re.escape, study["xor_rows"])),
    blobs_setting="|".join(map(re.escape, study["blobs_rows"])),
    response_setting="|".join(map(re.escape, study["response_rows"])),


include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/fitting.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/depth_gain.smk"
include: "workflow/rules/final_distance.smk"
include: "workflow/rules/out_of_sample.smk"
include: "workflow/rules/alternatives.smk"
include: "workflow/rules/xor.smk"
include: "workflow/rules/blobs.smk"
include: "workflow/rules/mnist.smk"
include: "workflow/rules/response.smk"


rule all:
    default_target: True
    input:
        rules.collect_fits.output,
        rules.summarise_settings.output,
        rules.architectures.output,
        rules.trajectories.output,
        rules.losses.output,
        rules.depth.output,
        rules.gains.output,
        rules.depth_gain.output,
        rules.alternatives.output,


rule everything:
    input:
        rules.all.input,
        rules.final_distance.output,
        rules.out_of_sample.output,
        rules.xor.output,
        rules.blobs.output,
        rules.mnist_pairs.output,
        rules.mnist_structure.output,
        rules.response_law.output,
        rules.response_rank.output,
        rules.response_bridge.output,
