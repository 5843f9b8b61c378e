"""What a run prints: one line a job in a terminal; elsewhere Snakemake's own words, without the lists of code.

Every rule has the library's modules that it imports as inputs, so that an edit re-runs it. They are no news in a log.
"""

import csv
import logging
import shutil
import time
from pathlib import Path

from snakemake.logging import ColorizingTextHandler, DefaultFormatter, get_event, logger
from snakemake_interface_logger_plugins.common import LogEvent

CODE = (".py", "requirements.lock")
CHATTER = ("Select jobs to execute", "Execute ", "Assuming unrestricted", "Group jobs: ", "Conda environments: ")
LITTLE = (LogEvent.WORKFLOW_STARTED, LogEvent.RESOURCES_INFO, LogEvent.JOB_FINISHED)  # in Snakemake's own log file
LEARNED = 0.02  # share of the work after which the time that is left is told


class WithoutCode(logging.Filter):
    """Takes the workflow's code out of the inputs that are told of a job."""

    def filter(self, record) -> bool:
        if getattr(record, "input", None):
            record.input = [path for path in record.input if not path.endswith(CODE)]
        return True


class OneLine(DefaultFormatter):
    """One line for each job: how much is done, how long the rest will take, and what begins; in a dry run, why.

    usual: what says all else. sentences: what each rule does. seconds: what a job of each rule took in another study;
    only their ratios count, as this run tells how fast this machine is.
    """

    def __init__(self, usual, sentences: dict[str, str], seconds: dict[str, float], dryrun: bool, now=time.monotonic):
        super().__init__(usual.quiet, usual.show_failed_logs)
        self.sentences, self.seconds, self.dryrun, self.now = sentences, seconds, dryrun, now
        self.started, self.total, self.done, self.tables = now(), 0.0, 0.0, 0
        self.rules: dict[int, str] = {}

    def filter(self, record) -> bool:
        """False for what needs no line; what is done is counted here."""
        event = get_event(record)
        if event is None:
            return not str(record.msg).startswith(CHATTER)
        if event == LogEvent.JOB_FINISHED:
            self.done += self._weight(self.rules.get(record.job_id, ""))
        if event == LogEvent.RUN_INFO:
            jobs = {rule: count for rule, count in record.stats.items() if rule != "total"}
            self.total = sum(count * self._weight(rule) for rule, count in jobs.items())
            self.started, self.tables = self.now(), self.tables + 1
            return not self.dryrun or self.tables > 1  # a dry run tells it before and after its jobs
        if event == LogEvent.PROGRESS:
            return record.done == record.total
        return event not in LITTLE and not (self.dryrun and event == LogEvent.GROUP_INFO)

    def format_job_info(self, msg) -> str:
        self.rules[msg["jobid"]] = msg["rule_name"]
        job = " ".join([msg["rule_name"], *map(str, msg["wildcards"].values())])
        if self.dryrun:
            return self._cut(f"{job}: {msg['reason']}")
        sentence = self.sentences.get(msg["rule_name"], "")
        return self._cut(f"{self.share:4.0%} {self.left:>12}  {job}" + f": {sentence}" * bool(sentence))

    def format_progress(self, msg) -> str:
        return f"100% of {msg['total']} jobs done in {_duration(self.now() - self.started)}"

    @property
    def share(self) -> float:
        """How much of the work is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0

    @property
    def left(self) -> str:
        """How long the rest will take if it goes on like this."""
        if self.share < LEARNED:
            return ""
        return f"{_duration((self.now() - self.started) * (1 - self.share) / self.share)} left"

    def _weight(self, rule: str) -> float:
        return self.seconds.get(rule, 1.0)

    @staticmethod
    def _cut(line: str) -> str:
        columns = shutil.get_terminal_size().columns
        return line if len(line) <= columns else f"{line[: columns - 1]}…"


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 100
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def seconds_of_rules(cost: str | Path) -> dict[str, float]:
    """What a job of each rule took in the study of record (columns rule, jobs, seconds); empty where there is none."""
    if not Path(cost).is_file():
        return {}
    with open(cost, encoding="utf-8", newline="") as file:
        return {row["rule"]: float(row["seconds"]) / max(int(row["jobs"]), 1) for row in csv.DictReader(file)}


def shorten(sentences: dict[str, str], seconds: dict[str, float], dryrun: bool) -> None:
    """Make Snakemake's messages short: everywhere without code, in a terminal with one line a job."""
    if not any(isinstance(known, WithoutCode) for known in logger.filters):
        logger.addFilter(WithoutCode())
    for handler in logger.handlers:
        known = isinstance(handler.formatter, OneLine)
        if isinstance(handler, ColorizingTextHandler) and handler.is_tty and not known and logger.level > logging.DEBUG:
            lines = OneLine(handler.formatter, sentences, seconds, dryrun)
            handler.setFormatter(lines)
            handler.addFilter(lines.filter)
