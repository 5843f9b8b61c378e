"""The SLURM profile on a real SLURM: the smoke study, and what can happen to a job on a cluster."""

import random
import re
import time

import pytest
from cluster import Cluster, Unavailable, command
from conftest import Project
from projects import ClusterProject, end, kill
from test_profiles import submissions
from test_workflow import digests

pytestmark = pytest.mark.slurm

TRAINED = "results/smoke/trajectories/default.nc"  # one job: the training of one network
TRAINED_TOO = "results/smoke/trajectories/skip.nc"
TRAINED_ON_XOR = "results/smoke/xor/rich.nc"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A SLURM with the partitions cpu and gpu. Where there can be none the tests are skipped with the reason."""
    try:
        with Cluster(tmp_path_factory.mktemp("repdyn-slurm")) as started:
            yield started
    except Unavailable as reason:
        pytest.skip(f"no SLURM can be started here: {reason}")


@pytest.fixture(scope="session", autouse=True)
def overdue(cluster, tmp_path_factory):
    """A job that runs into its time limit, which is a minute at least: begun first, so that no test waits for it."""
    project = ClusterProject(tmp_path_factory.mktemp("overdue") / "repdyn", cluster, gated="train_xor.py")
    project.hold()
    process = project.start(TRAINED_ON_XOR, "--retries", "0", "--set-resources", "train_xor:runtime=1")
    yield project, process
    if process.poll() is None:
        kill(process)


@pytest.fixture
def project(cluster, tmp_path):
    """For what can be tried on the training of one network, which a test can hold and make fail."""
    project = ClusterProject(tmp_path / "repdyn", cluster, gated="train.py")
    yield project
    for job in project.jobs():
        if job.state in ("PENDING", "RUNNING"):
            command("scancel", job.id)


def test_the_smoke_study_gives_the_same_bytes(smoke, cluster, tmp_path):
    """In as few submissions as planned, and without a GPU, which its configuration does not ask for."""
    project = ClusterProject(tmp_path / "repdyn", cluster, patience=1)
    groups = ("--group-components", "fits=10", "figures=4")  # tiny figures: more of them in a job
    planned = submissions(project.folder, *groups, "--configfile", "config/smoke.yaml")
    project.snakemake(*groups)
    here, there = digests(smoke.folder / "results/smoke"), digests(project.folder / "results/smoke")
    assert set(here) == set(there)
    assert [name for name in here if here[name] != there[name]] == []
    jobs = project.jobs()
    assert len({job.submission for job in jobs}) == planned
    assert {job.state for job in jobs} == {"COMPLETED"}
    assert {job.partition for job in jobs} == {"cpu"} and {job.gpus for job in jobs} == {0}


def test_gpu_requests_land_on_the_gpu_partition_and_wait_there_while_the_node_is_drained(project):
    node = f"nodename={project.cluster.host}"
    command("scontrol", "update", node, "state=drain", "reason=test")
    try:
        process = project.start(TRAINED, TRAINED_TOO, "--config", "training={device: auto}")
        waiting = project.wait_for("train", "PENDING")
        with pytest.raises(TimeoutError):
            project.wait_for("train", "RUNNING", seconds=5)
        assert process.poll() is None
    finally:
        command("scontrol", "update", node, "state=resume")
    printed = end(process)
    assert process.returncode == 0, printed
    trained = project.jobs("train")
    assert [job.state for job in trained] == ["COMPLETED"] * 2
    assert {job.submission for job in trained} == {waiting.submission}  # one array
    assert [(job.partition, job.gpus) for job in trained] == [("gpu", 1)] * 2


def test_a_job_that_fails_once_is_tried_again_with_more_memory_and_time(project):
    (project.folder / "fail").touch()
    printed = project.snakemake(TRAINED)
    assert "RuntimeError: made to fail once" in printed and "Trying to restart job" in printed
    first, second = project.jobs("train")
    assert (first.state, second.state) == ("FAILED", "COMPLETED")
    assert second.memory == 2 * first.memory and second.minutes == 2 * first.minutes


def test_a_cancelled_job_is_reported_and_the_next_run_finishes(project):
    project.hold()
    process = project.start(TRAINED, "--retries", "0")
    project.wait_for_training()
    job = project.wait_for("train", "RUNNING")
    command("scancel", job.id)
    printed = end(process)
    assert process.returncode != 0
    assert re.search(rf"SLURM-job '{job.id}' failed, SLURM status is: 'CANCELLED'", printed)
    assert not (project.folder / TRAINED).exists()
    project.release()
    project.snakemake(TRAINED)
    assert (project.folder / TRAINED).exists()


def test_snakemake_killed_and_started_again_finishes(project):
    """kill -9 on the login node: its jobs go on, and what they make counts."""
    project.hold()
    process = project.start(TRAINED)
    project.wait_for_training()
    kill(process)
    job = project.wait_for("train", "RUNNING")
    project.release()
    project.wait_for("train", "COMPLETED")
    locked = project.start(TRAINED)
    assert "cannot be locked" in end(locked) and locked.returncode != 0
    project.snakemake("--unlock")
    project.snakemake(TRAINED)
    assert (project.folder / TRAINED).exists() and [job.id for job in project.jobs()] == [job.id]


def test_a_preempted_job_starts_again_by_itself(project):
    project.hold()
    process = project.start(TRAINED)
    project.wait_for_training()
    project.cluster.preempt(project.wait_for("train", "RUNNING"))
    project.wait_for_training()
    project.release()
    printed = end(process)
    assert process.returncode == 0, printed
    (job,) = project.jobs()
    assert (job.state, job.restarts) == ("COMPLETED", 1)


def test_a_job_preempted_again_and_again_goes_on_from_its_checkpoints(cluster, tmp_path):
    project = ClusterProject(tmp_path / "repdyn", cluster)
    table = project.folder / "config/settings/smoke.tsv"
    longer = re.sub(r"^(skip\t.*\t)400\t", r"\g<1>150000\t", table.read_text(), flags=re.MULTILINE)
    table.write_text(longer)
    every_second = (TRAINED_TOO, "--config", "training={checkpoint_seconds: 1}")
    process = project.start(*every_second)
    checkpoint, draw, seen = project.folder / f"{TRAINED_TOO}.checkpoint/0.npz", random.Random(0), 0.0
    for _ in range(3):
        until = time.monotonic() + 60
        while not (checkpoint.exists() and checkpoint.stat().st_mtime > seen):
            assert time.monotonic() < until and process.poll() is None, "no checkpoint was written"
            time.sleep(0.05)
        time.sleep(draw.uniform(0, 1))
        project.cluster.preempt(project.wait_for("train", "RUNNING"))
        project.wait_for("train", "PENDING")
        seen = checkpoint.stat().st_mtime
    printed = end(process)
    assert process.returncode == 0, printed
    (job,) = project.jobs()
    assert (job.state, job.restarts) == ("COMPLETED", 3)
    assert "going on from the checkpoint" in (project.folder / "results/smoke/logs/train/skip.log").read_text()
    assert not checkpoint.parent.exists()
    made = (project.folder / TRAINED_TOO).read_bytes()
    (project.folder / TRAINED_TOO).unlink()
    local = Project.start(project, *every_second)
    printed = end(local)
    assert local.returncode == 0, printed
    assert (project.folder / TRAINED_TOO).read_bytes() == made


def test_a_job_over_its_time_limit_is_named_and_the_next_run_finishes(overdue):
    project, process = overdue
    printed = end(process)
    assert process.returncode != 0
    assert re.search(r"SLURM-job '\d+' failed, SLURM status is: 'TIMEOUT'", printed)
    assert not (project.folder / TRAINED_ON_XOR).exists()
    project.release()
    project.snakemake(TRAINED_ON_XOR)
    assert (project.folder / TRAINED_ON_XOR).exists()
