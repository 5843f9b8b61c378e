"""Problems of a configuration, each told with its place, the value found and the value expected.

Nothing here knows a key of this project: `settings` brings the schemas and the rules that
a schema can't state. Imports stay light, because every cluster job parses the Snakefile.
"""

import difflib
import functools
import math
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

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
        if isinstance(node, yaml.MappingNode):
            _index(node, (), document, set())  # first: constructing the data resolves merges (<<) in the nodes
        data = node and loader.construct_document(node)
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


def _index(node, path, document, open_nodes):
    """Note the line of every key below `node`, and each key that is given twice in one mapping."""
    if id(node) in open_nodes:  # an alias inside its own anchor
        return
    open_nodes = open_nodes | {id(node)}
    if isinstance(node, yaml.MappingNode):
        first = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            here = (*path, name)
            if name in first and name != "<<":
                document.problems.append(
                    f"{document.shown}:{line}: {dotted(here)}: given twice (first in line {first[name]}), "
                    "and only the last would count: expected each key once"
                )
            first.setdefault(name, line)
            document.lines[here] = line
            _index(value, here, document, open_nodes)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            document.lines[(*path, str(i))] = item.start_mark.line + 1
            _index(item, (*path, str(i)), document, open_nodes)


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


def violations(instance, schema) -> list[Violation]:
    """Every way in which `instance` breaks a JSON schema, at most one for each place.

    Stricter than the standard: 2.0 is no whole number, and nan and inf are no numbers.
    A subschema's own keyword `expected` says in words what no range or list of values can.
    """
    found = {}
    for error in _validator()(schema).iter_errors(instance):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            for key in error.instance.keys() - error.schema["properties"].keys():
                told = unknown_key(key, error.schema["properties"], schema)
                found.setdefault((*path, key), Violation((*path, key), error.instance[key], told))
        elif error.validator == "required":
            for key in error.validator_value:
                if key not in error.instance:
                    told = f"expected {expected(error.schema['properties'][key])}"
                    found.setdefault((*path, key), Violation((*path, key), MISSING, told))
        else:
            told = f"expected {expected(error.schema)}"
            if "enum" in error.schema:
                told += did_you_mean(error.instance, error.schema["enum"])
            if error.validator == "uniqueItems":
                told += f"; {', '.join(map(show, repeated(error.instance)))} given more than once"
            found.setdefault(path, Violation(path, error.instance, told))
    return sorted(found.values(), key=lambda v: [str(part) for part in v.path])


@functools.cache
def _validator():
    """The class of validators with the stricter numbers."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    checker = Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_whole, "number": _is_finite})
    return extend(Draft202012Validator, type_checker=checker)


def _is_whole(_, value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(_, value):
    return (_is_whole(_, value) or isinstance(value, float)) and abs(value) <= sys.float_info.max


def expected(schema):
    """What a subschema allows, in words."""
    if "expected" in schema:
        return schema["expected"]
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    words = {"integer": "a whole number", "number": "a finite number", "string": "text", "array": "a list"}
    if schema.get("type") == "object":
        return f"a group with the keys {', '.join(schema['properties'])}"
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema]
    return " ".join([words[schema["type"]], " and ".join(bounds)]).strip()


def as_number(text, wanted):
    """The number that a text spells, if a subschema wants one; anything else as it is, for the schema to refuse."""
    kind = wanted.get("type") if isinstance(text, str) else None
    if kind == "integer" and re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return float(text)
    return text


def yaml_hint(value, wanted):
    """Why YAML took a number for text, and how to write it; ready to be appended."""
    number = as_number(value, wanted)
    if not isinstance(value, str) or isinstance(number, str) or not math.isfinite(number):
        return ""
    if "e" not in value.lower():
        return "; it is text here: leave out the quotes"
    mantissa, exponent = f"{number:e}".split("e")
    mantissa = re.sub(r"\.(\d+?)0*$", r".\1", mantissa)
    cause = "because it wants a point and a signed exponent"
    return f"; YAML reads {value} as text, {cause}: write {mantissa}e{int(exponent):+d}"


def unknown_key(key, known, schema):
    told = "unknown key"
    home = [path for path in leaves(schema) if path[-1] == key]
    if home:
        told += f"; did you mean '{dotted(home[0])}'?"
    else:
        told += did_you_mean(key, known)
    return f"{told}{'' if told.endswith('?') else ';'} Known keys here: {', '.join(known)}"


def leaves(schema, path=()):
    """{path: subschema} of every key that holds a value rather than a group of keys."""
    found = {}
    for key, sub in schema["properties"].items():
        found |= leaves(sub, (*path, key)) if "properties" in sub else {(*path, key): sub}
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
    return list(dict.fromkeys(x for x in items if items.count(x) > 1))


def dotted(path):
    """('figures', 'gains', 0) -> figures.gains[0]"""
    text = "".join(f"[{key}]" if isinstance(key, int) and not isinstance(key, bool) else f".{key}" for key in path)
    return text.lstrip(".")


def show(value):
    """A value as one would write it in YAML, cut to a readable length."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = repr(value) if isinstance(value, (str, int, float, list, dict)) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def kind_of(value):
    return {list: "a list", str: "a text", dict: "keys and values"}.get(type(value), f"the value {show(value)}")
