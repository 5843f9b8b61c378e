"""What a run prints: a line a job in a terminal, with what is left; no lists of code anywhere; nothing else is lost."""

import io
import logging

import pytest
import snakemake.api  # noqa: F401  (before snakemake.logging, which can't be imported first)
from snakemake.logging import ColorizingTextHandler, DefaultFormatter, logger
from snakemake_interface_logger_plugins.common import LogEvent

from repdyn.pipeline import terminal

CODE = ["workflow/scripts/depth/plot.py", "requirements.lock", "results/depth.csv"]


class Stream(io.StringIO):
    """A text that is a terminal, or is none."""

    def __init__(self, is_terminal: bool):
        super().__init__()
        self.isatty = lambda: is_terminal


@pytest.fixture
def log():
    """Snakemake's logger with one handler, made short; says events, and returns all that was printed."""
    before = logger.handlers[:], logger.filters[:], logger.level
    logger.setLevel(logging.INFO)

    def start(is_terminal, dryrun=False):
        handler = ColorizingTextHandler(stream=Stream(is_terminal), nocolor=True, formatter=DefaultFormatter())
        logger.handlers, logger.filters = [handler], []
        for _ in range(2):  # once more changes nothing
            terminal.shorten({"train": "Train it."}, {"train": 9.0}, dryrun)
        clock = iter(range(0, 10**6, 60))  # a minute at each look
        if is_terminal:
            handler.formatter.now = lambda: next(clock)

        def say(event=None, message="", **about):
            logger.log(
                logging.ERROR if event == LogEvent.JOB_ERROR else logging.INFO, message, extra={"event": event, **about}
            )
            return handler.stream.getvalue()

        return say

    yield start
    logger.handlers, logger.filters = before[:2]
    logger.setLevel(before[2])


def job(number, rule, **wildcards):
    names = ("rule_msg", "benchmark", "priority", "threads", "resources", "shellcmd", "conda_env", "aux")
    empty = dict.fromkeys(names) | {"resources": {}, "priority": 0, "threads": 1, "aux": {}, "rule_msg": ""}
    about = {"jobid": number, "rule_name": rule, "wildcards": wildcards, "input": CODE, "output": [f"{rule}.nc"]}
    return empty | about | {"log": [], "local": False, "is_checkpoint": False, "reason": "Missing output files: x.nc"}


def test_a_terminal_has_one_line_a_job_with_what_is_left(log, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    say = log(True)
    say(LogEvent.RUN_INFO, "the table", stats={"train": 2, "plot": 2, "total": 4})
    for number, (rule, wildcards) in enumerate((("train", {"row": "tanh"}), ("train", {"row": "elu"}), ("plot", {}))):
        say(message="Select jobs to execute...")
        say(LogEvent.JOB_INFO, **job(number, rule, **wildcards))
        say(LogEvent.JOB_FINISHED, "finished", job_id=number)
        say(LogEvent.PROGRESS, done=number + 1, total=4)
    printed = say(LogEvent.PROGRESS, done=4, total=4)
    assert printed.split("\n") == [
        *("the table", ""),
        "  0%               train tanh: Train it.",
        " 45%    73 s left  train elu: Train it.",
        " 90%    13 s left  plot",
        *("100% of 4 jobs done in 3 min", ""),
    ]
    line = say(LogEvent.JOB_INFO, **job(9, "train", row="a_very_long_name_" * 4)).splitlines()[-1]
    assert len(line) == 60 and line.endswith("…")


def test_errors_and_other_messages_are_not_lost(log):
    for is_terminal in (True, False):
        say = log(is_terminal)
        printed = say(LogEvent.JOB_ERROR, **job(3, "train", row="tanh"))
        assert "Error in rule train:" in printed and "output: train.nc" in printed
        assert "results/depth.csv" in printed and ".py" not in printed
        assert "Nothing to be done" in say(message="Nothing to be done (all requested files are present).")


def test_elsewhere_a_job_is_told_as_ever_but_for_its_code(log):
    printed = log(False)(LogEvent.JOB_INFO, **job(3, "train", row="tanh"))
    assert (
        "rule train:\n    input: results/depth.csv\n    output: train.nc\n" in printed
        and "wildcards: row=tanh" in printed
    )


def test_a_dry_run_says_why_and_has_one_table(log):
    say = log(True, dryrun=True)
    say(LogEvent.RUN_INFO, "the table", stats={"train": 1, "total": 1})
    say(LogEvent.JOB_INFO, **job(3, "train", row="tanh"))
    printed = say(LogEvent.RUN_INFO, "the table", stats={"train": 1, "total": 1})
    assert printed == "\ntrain tanh: Missing output files: x.nc\nthe table\n"


def test_seconds_of_rules(tmp_path):
    (tmp_path / "cost.csv").write_text("rule,jobs,seconds\ntrain,4,10.0\nplot,1,0.5\n")
    assert terminal.seconds_of_rules(tmp_path / "cost.csv") == {"train": 2.5, "plot": 0.5}
    assert terminal.seconds_of_rules(tmp_path / "none.csv") == {}
