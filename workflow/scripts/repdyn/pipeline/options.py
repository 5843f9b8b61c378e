"""What the configuration and its tables may hold; in workflow/schemas/options.yaml the words are the type.

    a whole number >= 1 and <= 10                an int; a finite number > 0: a float or an int, not inf, nor nan
    one of auto, cpu, cuda                       one of these texts
    an activation, an architecture, a solver     one of those that are registered
    a name, a folder, the path of ...            texts of some form
    a list of finite numbers > 0, each once      also: of names among A, B; of at least 2 names of selected rows
    the word all, or a list of names ...

Values are not converted: 2.0 is no whole number, and '2' is no number.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from repdyn.networks import known_architectures
from repdyn.networks.activations import ACTIVATIONS
from repdyn.training.optimisers import SOLVERS

FILE = Path(__file__).resolve().parents[3] / "schemas" / "options.yaml"
REGISTERED = {"an activation": ACTIVATIONS, "an architecture": known_architectures(), "a solver": SOLVERS}
TEXTS = {  # form, and how it is told
    "a name": (
        r"^(?!.*\.\.)(?!.*?(.+)\1{19}\Z)[a-z0-9][a-z0-9_.-]{0,63}\Z",  # Snakemake takes repetition for an endless loop
        "a name of a-z, 0-9, '_', '.' and '-' that begins with a letter or digit, without '/' or '..', at most 64 "
        "long, that does not end in 20 times the same",
    ),
    "a folder": (
        r"^[A-Za-z0-9_.,+@=/-]+\Z",
        "a folder, relative to the project or absolute, of letters, digits and _ . , + @ = - between the '/'",
    ),
    "a source": (
        r"^(https?://\S+|npm:(@[a-z0-9._-]+/)?[a-z0-9._-]+@[0-9][0-9A-Za-z.+-]*|deb:[a-z0-9][a-z0-9.+-]+|(?!npm:|deb:)(?!\w+://)\S.*)\Z",
        "an address (https://...), a package (npm:NAME@VERSION, deb:NAME) or a folder",
    ),
    "the path of a tab-separated table": (r"(?s)^.+\Z", "the path of a tab-separated table"),
    "the path of a list of claims": (r"(?s)^.+\Z", "the path of a list of claims"),
    "a text": (r"(?s)^.*\Z", "text"),
}
SIGNS = {">=": "ge", ">": "gt", "<=": "le", "<": "lt"}
BOUND = r"[<>]=? -?[0-9.]+(?:e[-+]?[0-9]+)?"


@dataclass(frozen=True)
class Kind:
    """What a value may be: its type, the same in words, texts to choose from, and what the items of a list may be."""

    type: Any
    words: str
    choices: tuple[str, ...] = ()
    item: "Kind | None" = None

    @functools.cached_property
    def _checked(self) -> TypeAdapter:
        strict = ConfigDict(strict=True, allow_inf_nan=False, regex_engine="python-re")
        return TypeAdapter(self.type, config=strict)

    def fault(self, value) -> tuple[tuple, str] | None:
        """Which item of a list is wrong, if it is one alone, and what was expected there; None if all is well."""
        try:
            self._checked.validate_python(value)
        except ValidationError as error:
            place = error.errors(include_url=False, include_context=False)[0]["loc"]
            if self.item and place and isinstance(place[0], int):
                return place[:1], self.item.words
            return (), self.words
        twice = isinstance(value, list) and len(set(value)) < len(value)  # 1 and 1.0 are the same
        return ((), self.words) if twice else None


@functools.cache
def kind(words: str) -> Kind:
    """What these words allow. Raises ValueError for words that say nothing known."""
    if words in REGISTERED or words.startswith("one of "):
        choices = tuple(REGISTERED.get(words, words.removeprefix("one of ").split(", ")))
        return Kind(Literal[choices], f"one of {', '.join(choices)}", choices)
    if words in TEXTS:
        form, told = TEXTS[words]
        return Kind(Annotated[str, Field(pattern=form)], told)
    if number := re.fullmatch(rf"a (whole|finite) number( {BOUND}( and {BOUND})?)?", words):
        bounds: dict[str, Any] = {SIGNS[sign]: float(bound) for sign, bound in re.findall(r"([<>]=?) (\S+)", words)}
        number_type = {"whole": int, "finite": float}[number[1]]
        return Kind(Annotated[number_type, Field(**bounds)], words)
    if words.startswith("the word all, or a list of "):
        names = Annotated[list[str], Field(min_length=1)]
        return Kind(Literal["all"] | names, words)
    if listed := re.fullmatch(r"a list of (?:at least (\d+) )?(.*), each once", words):
        item = kind(_single(listed[2]))
        items = Annotated[list[item.type], Field(min_length=int(listed[1] or 1))]  # type: ignore[name-defined]
        return Kind(items, words, item=item)
    raise ValueError(f"{FILE.name}: {words!r} says nothing that is known")


def _single(items: str) -> str:
    """What one of several items may be."""
    if items.startswith("names among "):
        return f"one of {items.removeprefix('names among ')}"
    if items.startswith("addresses "):
        return "a source"
    return "a name" if items.startswith("name") else f"a {items.replace('numbers', 'number', 1)}"


@dataclass(frozen=True)
class Option:
    """A key or column: what it may be, what it does, and the laptop study's value."""

    kind: Kind
    description: str
    laptop: Any = None


@dataclass(frozen=True)
class Group:
    """Keys that belong together, and what they are about."""

    about: str
    keys: dict[str, "Option | Group"]


def _group(found: dict) -> Group:
    return Group(found.pop("about", ""), {key: _key(value) for key, value in found.items()})


def _key(found) -> Option | Group:
    return _group(found) if isinstance(found, dict) else Option(kind(found[1]), found[2], found[0])


_said = yaml.load(FILE.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
CONFIGURATION = _group(_said["configuration"])
TABLES = {  # experiment: {column: Option}
    experiment: {column: Option(kind(words), description) for column, (words, description) in columns.items()}
    for experiment, columns in _said["tables"].items()
}
TABLES["xor"] = TABLES["clock"] = TABLES["width"] = TABLES["two_points"]
