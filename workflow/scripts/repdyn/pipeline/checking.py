"""Problems of a configuration, each told with its place, the value found and the value expected.

Nothing here knows a key of this project: `options` says which there are, `study` the rules between them. Imports stay
light, because every cluster job parses the Snakefile.
"""

import difflib
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from repdyn.pipeline.options import CONFIGURATION, Group, Kind, Option

MISSING = object()
COMMAND_LINE = "command line (--config)"
OTHER_NAMES = {
    "gpu": "cuda",
    "identity": "none",
    "leakyrelu": "leaky_relu",
    "linear": "none",
    "optimizer": "solver",
    "optimiser": "solver",
    "gradient_flow": "flow",
    "swish": "silu",
}


class ConfigurationError(Exception):
    """Everything that is wrong with a configuration: `problems`, one text for each."""

    def __init__(self, problems):
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self):
        count = len(self.problems)
        head = f"The configuration has {count} problem{'s' if count > 1 else ''}; nothing was run."
        return "\n".join([head, *(f"  {i}. {text}" for i, text in enumerate(self.problems, 1))])


@dataclass
class Document:
    """One YAML file: its content, the line of each key, and what is wrong with the file itself."""

    shown: str
    data: object = MISSING
    lines: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)

    def get(self, path):
        value = self.data
        for key in path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return MISSING
        return value

    def at(self, path):
        line = self.lines.get(tuple(map(str, path)))
        return f"{self.shown}:{line}" if line else self.shown


def read_text(path, shown):
    """(text, None), or (None, problem) for a file that is absent, unreadable or not UTF-8."""
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        return None, f"{shown}: there is no such file"
    except OSError as error:
        return None, f"{shown}: cannot be read: {error.strerror}"
    try:
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        byte = raw[error.start]
        return None, f"{shown}:{line}: byte 0x{byte:02x} is not UTF-8: expected a text file in UTF-8"


def read_yaml(path, shown) -> Document:
    """Read a YAML (or JSON) file whose top level has to be keys and values, each key once."""
    document = Document(shown)
    text, problem = read_text(path, shown)
    if problem:
        document.problems.append(problem)
        return document
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node:
            index = _Index(document, loader)  # first: constructing the data resolves merges (<<) in the nodes
            index.add(node)
            if index.unreadable:
                return document
        data = node and loader.construct_document(node)
    except RecursionError:
        document.problems.append(f"{shown}: not valid YAML: nested too deeply")
        return document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = ", ".join(part for part in (error.context, error.problem) if part)
        document.problems.append(f"{shown}:{mark.line + 1}: not valid YAML (column {mark.column + 1}): {told}")
        return document
    except (yaml.YAMLError, ValueError) as error:
        document.problems.append(f"{shown}: not valid YAML: {error}")
        return document
    if not isinstance(data, dict):
        found = "nothing (the file is empty)" if data is None else kind_of(data)
        document.problems.append(f"{shown}: found {found} at the top level: expected keys and values ('key: value')")
        return document
    document.data = data
    return document


class _Index:
    """Notes the line of every key of a document, and what is wrong with its nodes one by one."""

    MOST = 20_000  # keys and values of a file, where an alias counts as all that it stands for

    def __init__(self, document: Document, loader: yaml.SafeLoader):
        self.document, self.loader, self.count, self.unreadable = document, loader, 0, False

    def complain(self, node, path, told) -> None:
        place = f"{dotted(path)}: " if path else ""
        self.document.problems.append(f"{self.document.shown}:{node.start_mark.line + 1}: {place}{told}")

    def add(self, node, path=(), above=()) -> None:
        """All that is below a node."""
        self.count += 1
        if self.count > self.MOST:
            raise yaml.YAMLError(f"more than {self.MOST} keys and values, counting what aliases stand for")
        if any(node is other for other in above):
            self.unreadable = True
            return self.complain(node, path, "not valid YAML: an alias inside its own anchor")
        if isinstance(node, yaml.MappingNode):
            self.mapping(node, path, (*above, node))
        elif isinstance(node, yaml.SequenceNode):
            for i, item in enumerate(node.value):
                self.document.lines[(*path, str(i))] = item.start_mark.line + 1
                self.add(item, (*path, i), (*above, node))
        else:
            self.scalar(node, path)

    def mapping(self, node, path, above) -> None:
        first = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            here = (*path, name)
            if name in first and name != "<<":
                told = f"given twice (first in line {first[name]}), and only the last would count"
                self.complain(key, here, f"{told}: expected each key once")
            first.setdefault(name, line)
            self.document.lines[tuple(map(str, here))] = line
            self.add(value, here, above)

    def scalar(self, node, path) -> None:
        try:
            value = self.loader.construct_object(node)
        except yaml.MarkedYAMLError:
            raise
        except Exception:  # the reader takes for granted that what has a tag is of its form
            self.unreadable, kind = True, node.tag.rpartition(":")[2]
            return self.complain(node, path, f"not valid YAML: {node.value!r} is no {kind}")
        decimal = r"[-+]?(0|[1-9][0-9]*)" if isinstance(value, int) else r"[^_:]*"
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not re.fullmatch(decimal, node.value):
            self.complain(node, path, f"YAML reads {node.value} as {value}: expected a decimal number")


def where(documents, path, value=MISSING):
    """Place of a value: the file that set it. `documents` go from the base to the last overlay."""
    for document in reversed(documents):
        found = document.get(path)
        if found is not MISSING and (isinstance(value, dict) or repr(found) == repr(value)):
            return document.at(path)
    return COMMAND_LINE


@dataclass
class Violation:
    """A place in a checked object (`path`), what is there (`value`, or MISSING) and what is wrong with it."""

    path: tuple
    value: object
    told: str


def violations(data, group: Group, path=()) -> list[Violation]:
    """Every way in which `data` is not what a group of `options` allows, at most one for each place."""
    found = []
    for key in data.keys() - group.keys.keys():
        found.append(Violation((*path, key), data[key], unknown_key(key, group.keys)))
    for key, option in group.keys.items():
        here, value = (*path, key), data.get(key, MISSING)
        if isinstance(option, Group) and isinstance(value, dict):
            found += violations(value, option, here)
        elif value is MISSING or isinstance(option, Group):
            found.append(Violation(here, value, f"expected {allowed(option)}"))
        elif fault := option.kind.fault(value):
            found.append(_told(here, value, option.kind, *fault))
    return sorted(found, key=lambda v: [str(part) for part in v.path])


def _told(path, value, kind, place, words) -> Violation:
    for part in place:
        value, kind = value[part], kind.item
    told = f"expected {words}"
    if kind.choices:
        told += did_you_mean(value, kind.choices)
    if kind.item and isinstance(value, list) and repeated(value):
        told += f"; {', '.join(map(show, repeated(value)))} given more than once"
    return Violation((*path, *place), value, told)


def allowed(option: Option | Group) -> str:
    """What a key may hold, in words."""
    return f"a group with the keys {', '.join(option.keys)}" if isinstance(option, Group) else option.kind.words


def as_number(text, kind: Kind):
    """The number that a text spells, if one is wanted, also in lists; else what is there, for the check to refuse."""
    if isinstance(text, list) and kind.item:
        return [as_number(each, kind.item) for each in text]
    if not isinstance(text, str):
        return text
    if kind.words.startswith("a whole number") and re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    number = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
    if kind.words.startswith("a finite number") and re.fullmatch(number, text):
        return float(text)
    return text


def yaml_hint(value, option: Option | None):
    """Why YAML took a number for text, and how to write it; ready to be appended."""
    number = as_number(value, option.kind) if option else value
    if not isinstance(value, str) or isinstance(number, str) or not math.isfinite(number):
        return ""
    if "e" not in value.lower():
        return "; it is text here: leave out the quotes"
    mantissa, exponent = f"{number:e}".split("e")
    mantissa = re.sub(r"\.(\d+?)0*$", r".\1", mantissa)
    cause = "because it wants a point and a signed exponent"
    return f"; YAML reads {value} as text, {cause}: write {mantissa}e{int(exponent):+d}"


def unknown_key(key, known):
    """What to say of a key that is none: what may be meant, here or wherever it belongs, and the keys of this place."""
    homes = [f"'{dotted(path)}'" for path in leaves(CONFIGURATION) if path[-1] == key]
    told = "unknown key" + did_you_mean(key, known)
    if homes and not told.endswith("?"):
        told += f"; did you mean {' or '.join(homes)}?"
    return f"{told}{'' if told.endswith('?') else ';'} Known keys here: {', '.join(known)}"


def leaves(group: Group, path=()) -> dict[tuple, Option]:
    """{path: option} of every key that holds a value rather than a group of keys."""
    found = {}
    for key, option in group.keys.items():
        found |= leaves(option, (*path, key)) if isinstance(option, Group) else {(*path, key): option}
    return found


def did_you_mean(word, options):
    """'; did you mean 'x'?' for the closest option, or nothing."""
    plain = {re.sub(r"[\s-]+", "_", option.lower()): option for option in options}
    word = re.sub(r"[\s-]+", "_", str(word).strip().lower())
    if word not in plain and OTHER_NAMES.get(word) in plain:
        word = OTHER_NAMES[word]
    close = difflib.get_close_matches(word, plain, n=1, cutoff=0.6)
    return f"; did you mean '{plain[close[0]]}'?" if close else ""


def repeated(items):
    """What is there more than once, in its order."""
    return list(dict.fromkeys(x for x in items if items.count(x) > 1))


def dotted(path):
    """('gains', 'rows', 0) -> gains.rows[0]"""
    text = "".join(f"[{key}]" if isinstance(key, int) and not isinstance(key, bool) else f".{key}" for key in path)
    return text.lstrip(".")


def show(value):
    """A value as one would write it in YAML, cut to a readable length."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = repr(value) if isinstance(value, (str, int, float, list, dict)) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def kind_of(value):
    """What kind of value it is, in words."""
    return {list: "a list", str: "a text", dict: "keys and values"}.get(type(value), f"the value {show(value)}")
