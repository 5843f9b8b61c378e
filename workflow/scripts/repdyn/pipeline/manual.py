"""What `options` says, written where people read it: config/config.yaml with its comments, tables of config/README.md.

And the smoke study as one whole configuration, .test/config/config.yaml, for Snakemake's workflow catalogue.

python -m repdyn.pipeline.manual write
"""

import json
import re
import sys
import textwrap
from pathlib import Path

import yaml
from snakemake.utils import update_config

from repdyn.files import whole
from repdyn.pipeline.checking import dotted, leaves
from repdyn.pipeline.options import CONFIGURATION, TABLES, Group

HEAD = """\
# The laptop study. Every key is here; config/README.md has the same facts as a table. This file is written by
# `python -m repdyn.pipeline.manual write`. An overlay holds only what differs: snakemake --configfile config/smoke.yaml
"""


EXAMPLE = """\
# The smoke study with every key, for a folder of its own: `snakemake -s workflow/Snakefile -d .test`. It is written by
# `python -m repdyn.pipeline.manual write` from config/smoke.yaml.
"""


def example(smoke: str) -> str:
    """.test/config/config.yaml: the laptop's values, and those of the overlay with this text instead."""
    merged = yaml.safe_load(config_yaml())
    update_config(merged, yaml.safe_load(smoke))
    return EXAMPLE + yaml.safe_dump(merged, sort_keys=False, allow_unicode=True)


def config_yaml() -> str:
    """config/config.yaml: every key with its laptop value, below a comment that says what it is and may be."""
    return f"{HEAD}\n" + "\n".join(_lines(CONFIGURATION, 0)) + "\n"


def _lines(group: Group, depth: int):
    indent = "  " * depth
    for name, option in group.keys.items():
        if isinstance(option, Group):
            yield from ["", *_comment(option.about, indent), f"{indent}{name}:"]
            yield from _lines(option, depth + 1)
        else:
            words = option.kind.words
            yield from _comment(f"{option.description} {words[0].upper()}{words[1:]}.", indent)
            yield f"{indent}{name}: {_yaml(option.laptop)}"


def _comment(text: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in textwrap.wrap(" ".join(text.split()), 117 - len(indent))]


def _yaml(value) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, float):
        text = f"{value:.12g}" if "e" not in repr(value) else f"{value:e}"
        text = re.sub(r"\.?0+e", ".0e", text) if "e" in text else text
        return text if "." in text else f"{text}.0"
    return str(value) if re.fullmatch(r"[\w./@-]+", str(value)) else json.dumps(value)


def tables() -> dict[str, str]:
    """{"config": ..., and each experiment with a table of its own: ...}: what may stand there, in Markdown."""
    rows = ["| key | laptop | allowed | what it does |", "| --- | --- | --- | --- |"]
    for path, option in leaves(CONFIGURATION).items():
        shown = ", ".join(map(str, option.laptop)) if isinstance(option.laptop, list) else option.laptop
        rows.append(f"| `{dotted(path)}` | `{shown}` | {option.kind.words} | {option.description} |")
    found = {"config": "\n".join(rows)}
    for experiment in ("two_points", "phase_diagram", "modern", "response"):
        columns = ["| column | allowed | meaning |", "| --- | --- | --- |"]
        for column, option in TABLES[experiment].items():
            words = option.kind.words
            if column == "model":
                words = "the name of a file in `workflow/scripts/repdyn/networks/architectures/`"
            columns.append(f"| `{column}` | {words} | {option.description} |")
        found[experiment] = "\n".join(columns)
    return found


def readme(text: str) -> str:
    """config/README.md with its tables renewed."""
    for name, table in tables().items():
        begin, end = re.search(rf"<!-- {name}: begin.*?-->\n", text).end(), text.index(f"<!-- {name}: end -->")
        text = f"{text[:begin]}{table}\n{text[end:]}"
    return text


def main(arguments) -> int:
    """Write the three files; returns the exit status."""
    if arguments != ["write"]:
        print(__doc__, file=sys.stderr)
        return 2
    manual, smoke = (Path("config", name).read_text("utf-8") for name in ("README.md", "smoke.yaml"))
    written = {"config/config.yaml": config_yaml(), "config/README.md": readme(manual)}
    for path, text in {**written, ".test/config/config.yaml": example(smoke)}.items():
        with whole(path) as temporary:
            Path(temporary).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
