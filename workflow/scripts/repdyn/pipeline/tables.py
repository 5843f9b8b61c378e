"""Tables of networks: tab-separated text, one row a network, every cell checked.

A message names the file, the row (by its line in the file) and the column, the value, and what was expected.
"""

import os
from pathlib import Path

from repdyn import networks
from repdyn.pipeline.checking import (
    MISSING,
    allowed,
    as_number,
    did_you_mean,
    read_text,
    repeated,
    show,
    violations,
)
from repdyn.pipeline.options import Group
from repdyn.training.optimisers import FLOW, OPTIMISERS


def read_table(path, shown, columns, in_dim=1, out_dim=1, faults_of=None):
    """Rows of a tab-separated table -> (rows, names, problems).

    rows: {name: row} of the rows without fault, None if there is no such file; names: every name in the table,
    also of faulty rows. Lines that start with # and blank lines are skipped; rows are numbered by line of the file.
    in_dim and out_dim: units at the two ends of every network, which its layers have to fit.
    columns: {name: `options.Option`}. faults_of: rules between the columns of another kind of table; a row ->
    (place, what is wrong), ...
    """
    if not Path(path).is_file():
        others = [(Path(shown).parent / other.name).as_posix() for other in sorted(Path(path).parent.glob("*.tsv"))]
        return None, [], [f"there is no such file{did_you_mean(shown, others)}"]
    text, problem = read_text(path, shown)
    if problem:
        return {}, [], [problem]
    lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        return {}, [], [f"{shown}: the table is empty: expected a header with the columns {', '.join(columns)}"]
    number, header = lines[0][0], [cell.strip() for cell in lines[0][1].split("\t")]
    problems = _header_faults(f"{shown}: row {number} (header)", header, columns)
    if len(header) == 1:
        return {}, [], problems[:1]
    if len(lines) == 1:
        problems.append(f"{shown}: no rows below the header: expected at least one network")
    rows, first = {}, {}
    for number, line in lines[1:]:
        cells = [cell.strip() for cell in line.split("\t")]
        raw = dict(zip(header, cells, strict=False))
        name = raw.get("name", "")
        label = f"{shown}: row {number}{f' ({name})' if name else ''}"
        if name in first:
            told = f"row {first[name]} has this name: expected each name once"
            problems.append(f"{label}, column 'name' = {name}: {told}")
        elif name:
            first[name] = number
        if len(cells) != len(header):
            told = f"expected {len(header)}, one for each column, with tabs between them"
            problems.append(f"{label}: {len(cells)} cells: {told}")
            continue
        row = {column: as_number(raw[column], columns[column].kind) for column in header if column in columns}
        faults = [
            f"{label}, column '{v.path[0]}' {f'= {raw[v.path[0]]}' if raw[v.path[0]] else 'is blank'}: {v.told}"
            for v in violations(row, Group("", columns))
            if v.value is not MISSING  # an absent column is the header's fault, told once
        ]
        if not faults and row.keys() == columns.keys():
            between = faults_of(row) if faults_of else row_faults(row, in_dim, out_dim)
            faults = [f"{label}, {place}: {told}" for place, told in between]
            if not faults:
                rows.setdefault(name, {column: row[column] for column in columns})
        problems += faults
    return rows, list(first), problems


def _header_faults(label, header, columns):
    if len(header) == 1:
        causes = {",": "commas", ";": "semicolons", " ": "spaces"}
        seen = next((f", not by {word}" for sign, word in causes.items() if sign in header[0]), "")
        return [f"{label} = {show(header[0])}: expected {len(columns)} columns separated by tabs{seen}"]
    faults = [
        f"{label}: column '{column}' is there {header.count(column)} times: expected each column once"
        for column in repeated(header)
        if column
    ]
    for column in dict.fromkeys(header):
        if column not in columns:
            absent = [c for c in columns if c not in header]
            told = f"unknown column{did_you_mean(column, absent or columns)}"
            told += f"{'' if told.endswith('?') else ';'} Known columns: {', '.join(columns)}"
            faults.append(f"{label}: column {show(column)}: {told}")
    faults += [f"{label}: column '{c}' is missing: expected {allowed(columns[c])}" for c in columns if c not in header]
    return faults


def shape_of(row, in_dim=1, out_dim=1) -> networks.Shape:
    """What the network of a row is built from."""
    return networks.Shape(row["width"], row["depth"], row["activation"], in_dim, out_dim)


def hidden_layers(row, in_dim=1, out_dim=1) -> int:
    """Number of hidden layers that can be observed; they are counted from 0."""
    return networks.hidden_layers(row["model"], shape_of(row, in_dim, out_dim))


def drops_units(row, in_dim=1, out_dim=1):
    """Whether any layer has dropout."""
    found = networks.layers(row["model"], shape_of(row, in_dim, out_dim))
    return isinstance(found, list) and any(layer.dropout for layer in found)


def memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def bytes_of(row, in_dim=1, out_dim=1) -> int:
    """What the weights of one network take in memory, with what its optimiser keeps; 0 for a torch module."""
    found = networks.layers(row["model"], shape_of(row, in_dim, out_dim))
    if not isinstance(found, list):
        return 0
    inputs_and_outputs = [(*layer.weights.weight_shape, layer.weights.bias_size) for layer in found]
    copies = 1 + (OPTIMISERS[row["solver"]].memory if row["solver"] in OPTIMISERS else 0)
    return 4 * copies * sum(inputs * outputs + biases for inputs, outputs, biases in inputs_and_outputs)


def row_faults(row, in_dim, out_dim):
    """Rules between the columns of one row: (columns with their values, what is wrong)."""
    try:
        last = hidden_layers(row, in_dim, out_dim) - 1
    except Exception as error:  # an architecture is anybody's code
        if not isinstance(error, ValueError):
            error = f"architectures/{row['model']}.py raised {type(error).__name__}: {error}"
        place = f"columns 'width', 'depth' = {row['width']}, {row['depth']}"
        yield place, f"expected a shape that can be built: {error}"
        return
    if (needed := bytes_of(row, in_dim, out_dim)) > memory():
        place = f"columns 'width', 'depth' = {row['width']}, {row['depth']}"
        told = f"one network takes {needed / 1e9:,.0f} GB, and this machine has {memory() / 1e9:,.0f}"
        yield place, f"expected a network that fits into memory: {told}"
    if row["layer"] > last:
        told = f"{row['model']} of depth {row['depth']}: hidden layers 0 to {last}"
        yield f"column 'layer' = {row['layer']}", f"expected a whole number >= 0 and <= {last} ({told})"
    if row["solver"] == FLOW:
        reason = networks.why_no_flow(networks.layers(row["model"], shape_of(row, in_dim, out_dim)))
        if "epochs" in row:
            reason = "its networks see mini-batches, and the flow needs all points at every step"
        if reason:
            yield "column 'solver' = flow", f"expected one of {', '.join(OPTIMISERS)}: {reason}"
