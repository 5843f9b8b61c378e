"""The SLURM profile on a real SLURM: the smoke study, and what can happen to a job on a cluster.

The tests wait more than they compute, so all of them run side by side (`make test-slurm`).
"""

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

import cluster
import pytest
from cluster import command
from conftest import Project
from projects import ClusterProject, end, kill, shorten
from test_profiles import submissions
from test_workflow import digests

pytestmark = pytest.mark.slurm

TRAINED = "results/smoke/two_points/default.nc"  # one job: the training of one row
TRAINED_TOO = "results/smoke/two_points/skip.nc"
TRAINED_ON_XOR = "results/smoke/xor/rich.nc"


@pytest.fixture(autouse=True)
def started():
    """Nodes are drained here: never those of a SLURM that others use."""
    if not cluster.is_ours():
        pytest.fail("no SLURM for tests: start it beside them, as `make test-slurm` does")


@pytest.fixture
def project(tmp_path):
    """For what can be tried on the training of one row, which a test can hold and make fail."""
    project = ClusterProject(tmp_path / "repdyn", "two_points/train.py", "xor/train.py")
    yield project
    for job in project.jobs():
        if job.state in ("PENDING", "RUNNING"):
            command("scancel", job.id)


def test_the_smoke_study_gives_the_same_bytes(tmp_path):
    """In as few submissions as planned, and without a GPU, which its configuration does not ask for."""
    local, project = Project(tmp_path / "local/repdyn"), ClusterProject(tmp_path / "slurm/repdyn", patience=1)
    for one in (local, project):
        shorten(one)
    groups = ("--group-components", "fits=10", "figures=8")  # tiny figures: more of them in a job
    planned = submissions(project.snakemake("--dry-run", *groups))
    # data sets that come one after the other would make the rows that train on them ready one after the other
    project.snakemake("--until", "two_points_data", "mnist_fetch", "modern_fetch")
    with ThreadPoolExecutor() as side_by_side:
        for run in [side_by_side.submit(local.snakemake), side_by_side.submit(project.snakemake, *groups)]:
            run.result()
    here, there = digests(local.folder / "results/smoke"), digests(project.folder / "results/smoke")
    assert set(here) == set(there)
    assert [name for name in here if here[name] != there[name]] == []
    jobs = project.jobs()
    assert len({job.submission for job in jobs}) == planned
    assert {job.state for job in jobs} == {"COMPLETED"}
    assert {job.partition for job in jobs} == {"cpu"} and {job.gpus for job in jobs} == {0}


def test_jobs_preempted_again_and_again_go_on_from_their_checkpoints(project):
    """At ten random moments; the rows with the most to remember: moments of Adam, and what draws the units to drop."""
    rows = ("adam", "dropout")
    table = project.folder / "config/settings/two_points_smoke.tsv"
    lines = [re.sub(r"\t400\t", "\t10000\t", line) for line in table.read_text().splitlines()]
    table.write_text("\n".join(lines))
    targets = [f"results/smoke/two_points/{row}.nc" for row in rows]
    every_second = (*targets, "--config", "training={checkpoint_seconds: 1, rest_loss: 0}")  # every step is trained
    (project.folder / "slow").touch()  # two milliseconds a step
    process = project.start(*every_second, "--slurm-array-jobs", "none")  # so that each job says which row it trains
    draw, seen = random.Random(0), dict.fromkeys(targets, 0.0)
    for _ in range(5):
        for row, target in zip(rows, targets):
            checkpoint, until = project.folder / f"{target}.checkpoint/0.npz", time.monotonic() + 300
            while not (checkpoint.exists() and checkpoint.stat().st_mtime > seen[target]):
                assert time.monotonic() < until and process.poll() is None, "no checkpoint was written"
                time.sleep(0.05)
            time.sleep(draw.uniform(0, 1))
            cluster.preempt(project.wait_for("two_points_train", "RUNNING", row))
            project.wait_for("two_points_train", "PENDING", row)
            seen[target] = checkpoint.stat().st_mtime
    (project.folder / "slow").unlink()
    printed = end(process)
    assert process.returncode == 0, printed
    assert [(job.state, job.restarts) for job in project.jobs()] == [("COMPLETED", 5)] * 2
    made = [(project.folder / target).read_bytes() for target in targets]
    for row, target in zip(rows, targets):
        log = (project.folder / f"results/smoke/logs/two_points_train/{row}.log").read_text()
        assert "going on from the checkpoint" in log
        assert not (project.folder / f"{target}.checkpoint").exists()
        (project.folder / target).unlink()
    local = Project.start(project, *every_second)
    printed = end(local)
    assert local.returncode == 0, printed
    assert [(project.folder / target).read_bytes() for target in targets] == made


def test_jobs_cancelled_and_over_their_time_limit_are_named_and_the_next_run_finishes(project):
    project.hold()
    limits = ("--retries", "0", "--set-resources", "xor_train:runtime=1")
    process = project.start(TRAINED, TRAINED_ON_XOR, *limits)
    cancelled = project.wait_for("two_points_train", "RUNNING")
    project.wait_for_training()
    command("scancel", cancelled.id)
    overdue = project.wait_for("xor_train", "TIMEOUT")
    printed = end(process)
    assert process.returncode != 0
    for job, state in ((cancelled, "CANCELLED"), (overdue, "TIMEOUT")):
        assert f"SLURM-job '{job.id}' failed, SLURM status is: '{state}'" in printed
    assert not (project.folder / TRAINED).exists() and not (project.folder / TRAINED_ON_XOR).exists()
    project.release()
    project.snakemake(TRAINED, TRAINED_ON_XOR)
    assert (project.folder / TRAINED).exists() and (project.folder / TRAINED_ON_XOR).exists()


def test_gpu_requests_land_on_the_gpu_partition_and_wait_there_while_the_node_is_drained(project):
    (node,) = command("sinfo", "--noheader", "--format=%n", "--partition=gpu").split()
    command("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    try:
        process = project.start(TRAINED, TRAINED_TOO, "--config", "training={device: auto}")
        waiting = project.wait_for("two_points_train", "PENDING")
        with pytest.raises(TimeoutError):
            project.wait_for("two_points_train", "RUNNING", seconds=5)
        assert process.poll() is None
    finally:
        command("scontrol", "update", f"nodename={node}", "state=resume")
    printed = end(process)
    assert process.returncode == 0, printed
    trained = project.jobs("two_points_train")
    assert [job.state for job in trained] == ["COMPLETED"] * 2
    assert {job.submission for job in trained} == {waiting.submission}  # one array
    assert [(job.partition, job.gpus) for job in trained] == [("gpu", 1)] * 2


def test_a_job_that_fails_once_is_tried_again_with_more_memory_and_time(project):
    (project.folder / "fail").touch()
    printed = project.snakemake(TRAINED)
    assert "RuntimeError: made to fail once" in printed and "Trying to restart job" in printed
    first, second = project.jobs("two_points_train")
    assert (first.state, second.state) == ("FAILED", "COMPLETED")
    assert second.memory == 2 * first.memory and second.minutes == 2 * first.minutes


def test_snakemake_killed_and_started_again_finishes(project):
    """kill -9 on the login node: its jobs go on, and what they make counts."""
    project.hold()
    process = project.start(TRAINED)
    project.wait_for_training()
    kill(process)
    job = project.wait_for("two_points_train", "RUNNING")
    project.release()
    project.wait_for("two_points_train", "COMPLETED")
    locked = project.start(TRAINED)
    assert "cannot be locked" in end(locked) and locked.returncode != 0
    project.snakemake("--unlock")
    project.snakemake(TRAINED)
    assert (project.folder / TRAINED).exists() and [job.id for job in project.jobs()] == [job.id]


def test_a_cache_is_filled_by_one_folder_and_used_by_another(tmp_path):
    """In the second folder there is a job as well, but nothing is trained in it."""
    cache = tmp_path / "cache"
    cache.mkdir()
    first, second = (ClusterProject(tmp_path / name / "repdyn") for name in ("first", "second"))
    for project in (first, second):
        process = project.start(TRAINED, "--cache", "two_points_data", SNAKEMAKE_OUTPUT_CACHE=str(cache))
        printed = end(process)
        assert process.returncode == 0, printed
        (job,) = project.jobs("two_points_train")
        assert job.state == "COMPLETED"
    made = [(project.folder / TRAINED).read_bytes() for project in (first, second)]
    assert made[0] == made[1]
    log = "results/smoke/logs/two_points_train/default.log"
    logs = [(project.folder / log).read_text() for project in (first, second)]
    assert "final losses" in logs[0] and logs[1] == ""
