"""Which modules of this library a script depends on, read from its syntax tree.

Snakemake sees the text of a script, not the modules that it imports. A rule that lists them as inputs re-runs exactly
when one of them changes: `input: code=code("train.py")`.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = "repdyn"


@cache
def dependencies(script: Path) -> tuple[Path, ...]:
    """The script itself and every module of the package that it imports, directly or through another, sorted.

    Raises FileNotFoundError for a script that is not there and ModuleNotFoundError for a module that is not.
    """
    script = Path(script)
    root = next(parent for parent in script.parents if (parent / PACKAGE).is_dir())
    found, waiting = {script}, [script]
    while waiting:
        for module in _imports(waiting.pop(), root) - found:
            found.add(module)
            waiting.append(module)
    return tuple(sorted(found))


@cache
def _imports(path: Path, root: Path) -> frozenset[Path]:
    files = set()
    for node in _statements(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                files |= _files(alias.name.split("."), root)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise SyntaxError(f"{path}: import from '{PACKAGE}' by its full name, not relatively")
            for alias in node.names:
                files |= _files([*node.module.split("."), alias.name], root)
    return frozenset(files)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node; expressions, most of a tree, hold no imports."""
    for block in ("body", "orelse", "handlers", "finalbody", "cases"):
        for inner in getattr(node, block, ()):
            yield inner
            yield from _statements(inner)


def _files(names: list[str], root: Path) -> set[Path]:
    """The files behind `import a.b.c`; the last name may be something that the module a.b defines."""
    if names[0] != PACKAGE:
        return set()
    files = set()
    for depth in range(1, len(names) + 1):
        stem = root.joinpath(*names[:depth])
        if stem.with_suffix(".py").is_file():
            files.add(stem.with_suffix(".py"))
        elif (stem / "__init__.py").is_file():
            files.add(stem / "__init__.py")
        elif depth < len(names):
            raise ModuleNotFoundError(f"no module {'.'.join(names[:depth])} below {root}")
    return files
