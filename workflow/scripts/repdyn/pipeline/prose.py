"""Pages whose numbers come from the study of record: docs/templates/PAGE.jinja becomes PAGE, by name.

    python -m repdyn.pipeline.prose        README.md, paper/paper.md, pages of docs/, the tutorial's notebook

A template says `{{ cell("two_points_summary", "setting == 'tanh'", "error") }}` where a number stands, so that none is
typed. In a template are:

    cell(table, rows, column, form)     one number of docs/record/tables/TABLE.csv; rows is a pandas query of one row
    interval(table, rows, column, form) the same with its confidence interval, and how many units
    claim(name), verdict(name)          a claim's number with its interval and n; supported, refuted, undecided
    counted(verdict)                    how many claims have this verdict, and how many undecided ones lack units
    verdicts(*names)                    a table of these claims, or of all
    findings(*names)                    a list of these claims, with links to docs/record/claims.md (for pages of docs/)
    about                               what made the record (docs/record/about.yaml)
    spent(*rules, study)                minutes of one core that these rules took, or all; "laptop_cost": in that study
    costliest(n), share(ending)         a table of the n rules that took longest; the share of rules that end so
    on_one_core(depth)                  a table of rates on one core beside other libraries' (docs/benchmark.csv)
    on_gpu()                            a table of rates on a GPU (docs/record/gpu.csv); its name is gpu
    estimate(overlay, cores)            what a study takes (`cost`): core, wall, memory, disk, in words
    count                               how many claims there are

form: "percent", or digits as in "3" (significant).
"""

import sys
from pathlib import Path

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from repdyn.pipeline import cost, notebook
from repdyn.statistics.words import MARKS, measured, number, row_of_table

TEMPLATES = "docs/templates"
COSTS = ["rule", "jobs", "seconds", "peak_mb"]  # columns of cost.csv; a record may be older than the last one


class Record:
    """The study of record, as templates see it. Raises ValueError where it lacks what a template asks for."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.claims = pd.read_csv(folder / "claims.csv", keep_default_na=False, na_values=[""]).set_index("name")
        self.count = len(self.claims)
        self.about = yaml.safe_load((folder / "about.yaml").read_text("utf-8"))

    def _row(self, table: str, rows: str):
        path = self.folder / "tables" / f"{table}.csv"
        if not path.is_file():
            raise ValueError(f"{path}: no such table in the record")
        found = pd.read_csv(path, keep_default_na=False, na_values=[""])
        found = found.query(rows) if rows else found
        if len(found) != 1:
            raise ValueError(f"{path}: {rows!r}: expected one row, found {len(found)}")
        return found.iloc[0]

    def cell(self, table: str, rows: str, column: str, form: str = "3") -> str:
        """One number."""
        return formed(self._row(table, rows)[column], form)

    def interval(self, table: str, rows: str, column: str, form: str = "3") -> str:
        """A number with its interval, if it has one."""
        row = self._row(table, rows)
        ends = [row[f"{column}_{end}"] for end in ("low", "high")]
        told = formed(row[column], form)
        return told if any(map(pd.isna, ends)) else f"{told} [{', '.join(formed(end, form) for end in ends)}]"

    def claim(self, name: str) -> str:
        """The number that decided a claim."""
        return measured(self.claims.loc[name])

    def verdict(self, name: str) -> str:
        """In a word."""
        return self.claims.verdict[name]

    def counted(self, verdict: str) -> str:
        """How many claims have this verdict, and of undecided ones how many have fewer units than they ask for."""
        these = self.claims[self.claims.verdict == verdict]
        lacking = (these.n < these.least).sum() if verdict == "undecided" else 0
        return f"{len(these)} {verdict}" + f" ({lacking} of them for want of networks)" * bool(lacking)

    def verdicts(self, *names: str) -> str:
        """A table of claims in Markdown."""
        chosen = self.claims.loc[list(names)] if names else self.claims
        lines = ["| verdict | claim | measured | criterion |", "| --- | --- | --- | --- |"]
        lines += [row_of_table(MARKS[r.verdict], r.claim, measured(r), r.criterion) for r in chosen.itertuples()]
        return "\n".join(lines)

    def findings(self, *names: str) -> str:
        """A list of claims in Markdown, each with its number and verdict."""
        chosen = self.claims.loc[list(names)]
        return "\n".join(
            f"- {r.claim} [{measured(r) if r.n else r.told}](record/claims.md#{r.Index}): {r.verdict}."
            for r in chosen.itertuples()
        )

    def spent(self, *rules: str, study: str = "cost") -> str:
        """Minutes of one core, by the table of a study's costs."""
        cost = pd.read_csv(self.folder / f"{study}.csv").set_index("rule").seconds
        return f"{(cost.loc[list(rules)] if rules else cost).sum() / 60:.0f}"

    def costliest(self, count: int) -> str:
        """A table of the rules that took longest in Markdown, with the memory of a job where it was measured."""
        table = pd.read_csv(self.folder / "cost.csv").nlargest(count, "seconds").reindex(columns=COSTS)
        lines = ["| rule | jobs | minutes | most MB of a job |", "| --- | --- | --- | --- |"]
        for r in table.itertuples():
            peak = "-" if pd.isna(r.peak_mb) else f"{r.peak_mb:.0f}"
            lines.append(f"| `{r.rule}` | {r.jobs} | {r.seconds / 60:.1f} | {peak} |")
        return "\n".join(lines)

    def on_one_core(self, depth: int) -> str:
        """Network-steps a second on one core, of each library in the way and number of networks that serve it best."""
        table = pd.read_csv(self.folder.parent / "benchmark.csv").query("depth == @depth")
        kind = table.trainer.where(table.trainer == "torch, usual", table.trainer.str.split("[,.]").str[0])
        rates = table.network_steps_per_s.groupby([table.width, kind]).max().unstack()
        lines = ["| width | repdyn | JAX | torch | torch, the usual loop | repdyn by the best of the others |"]
        lines.append("| --- " * 6 + "|")
        for width, r in rates.iterrows():
            values = [r["repdyn"], r["JAX"], r["torch"], r["torch, usual"]]
            lines.append(f"| {width} | {' | '.join(f'{v:.0f}' for v in values)} | {values[0] / max(values[1:]):.2f} |")
        about = table.iloc[0]
        return "\n".join([*lines, "", f"({about.measured_with}; {about.date}.)"])

    def on_gpu(self) -> str:
        """Network-steps a second on a GPU and on a core, in Markdown, and with what."""
        table = pd.read_csv(self.folder / "gpu.csv")
        rates = table.pivot(index="architecture", columns=["on", "networks"], values="network_steps_per_second")
        counts = [count for on, count in rates.columns if on == self.gpu]
        heads = [f"{count} network{'s' * (count > 1)}" for count in counts]
        lines = [f"| architecture | one core | {' | '.join(heads)} |", "| --- " * (2 + len(counts)) + "|"]
        for name, row in rates.iterrows():
            values = [row["one core", 1], *(row[self.gpu, count] for count in counts)]
            lines.append(f"| `{name}` | {' | '.join('-' if pd.isna(v) else f'{v:.0f}' for v in values)} |")
        lines += ["", f"(torch {table.torch[0]}, {table.date[0]}; -: more than its memory held.)"]
        return "\n".join(lines)

    @property
    def gpu(self) -> str:
        """The name of that GPU."""
        return next(on for on in pd.read_csv(self.folder / "gpu.csv").on if on != "one core")

    def share(self, ending: str) -> str:
        """How much of the time rules took whose names end so."""
        table = pd.read_csv(self.folder / "cost.csv")
        return f"{100 * table.seconds[table.rule.str.endswith(ending)].sum() / table.seconds.sum():.0f} %"

    def estimate(self, overlay: str, cores: int) -> dict[str, str]:
        """What a study of this folder takes, in words."""
        told = cost.totals(cost.of_configuration([overlay] if overlay else []), cores)
        return {
            "core": lasting(told["core_seconds"]),
            "wall": lasting(told["wall_seconds"]),
            "memory": f"{number(told['peak_mb'] / 1e3, 2)} GB",
            "disk": f"{number(told['disk_mb'] / 1e3, 2)} GB",
        }


def lasting(seconds: float) -> str:
    """A time of two digits, in minutes or hours."""
    minutes = seconds / 60
    return f"{number(minutes, 2)} min" if minutes < 120 else f"{number(minutes / 60, 2)} h"


def formed(value, form: str) -> str:
    """A number as text."""
    if form == "percent":
        return f"{number(100 * float(value), 2)} %"
    return number(float(value), int(form))


def rendered(root: Path = Path(".")) -> dict[Path, str]:
    """The pages, by where they belong. Raises ValueError that names the template and what it asks for in vain."""
    record, folder = Record(root / "docs" / "record"), root / TEMPLATES
    pages = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,
    )
    offered = {name: getattr(record, name) for name in dir(record) if not name.startswith("_")}
    made = {}
    for template in sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jinja")):
        page = root / template.removesuffix(".jinja")
        try:
            made[page] = pages.get_template(template).render(offered)
        except (TemplateError, ValueError, KeyError) as error:
            raise ValueError(f"{TEMPLATES}/{template}: {type(error).__name__}: {error}") from error
    made[root / notebook.NOTEBOOK] = notebook.of_page((root / notebook.PAGE).read_text("utf-8"))
    return made


def main() -> int:
    """Write the pages; exit status 1 where the record lacks something."""
    try:
        for path, text in rendered().items():
            path.write_text(text, "utf-8")
            print(path)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
