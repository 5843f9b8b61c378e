"""Files that are no YAML, or not the YAML that was meant."""

import pytest

from bad_input.broken import BASE, MINE, OVERLAY, merged, problems
from repdyn.pipeline.checking import ConfigurationError
from repdyn.pipeline.study import check_yaml, load_study

BAD_YAML = {
    "indentation": ("a:\n  b: 2\n c: 3\n", "3: not valid YAML (column 2): "),
    "tab": ("a:\n\tb: 2\n", "2: not valid YAML (column 1): "),
    "unclosed list": ("a: [1, 2\nb: 3\n", "2: not valid YAML (column 2): "),
    "unknown tag": ("a: !!python/name:os.system x\n", "1: not valid YAML (column 4): "),
    "two documents": ("a: 1\n---\nb: 2\n", "2: not valid YAML (column 1): "),
    "control character": ("a: \x07\n", " not valid YAML: "),
    "list": ("- 1\n- 2\n", " found a list at the top level: expected keys and values ('key: value')"),
    "text": ("training\n", " found a text at the top level: expected keys and values ('key: value')"),
    "number": ("3\n", " found the value 3 at the top level: expected keys and values ('key: value')"),
    "empty": (
        "# nothing\n",
        " found nothing (the file is empty) at the top level: expected keys and values ('key: value')",
    ),
    "a word that is no bool": ("a:\n  - !!bool maybe\n", "2: a[0]: not valid YAML: 'maybe' is no bool"),
    "a word that is no time": ("a: !!timestamp abc\n", "1: a: not valid YAML: 'abc' is no timestamp"),
    "octal": ("training: {finer: 017}\n", "1: training.finer: YAML reads 017 as 15: expected a decimal number"),
    "sexagesimal": ("a:\n  b: 1:30\n", "2: a.b: YAML reads 1:30 as 90: expected a decimal number"),
    "sexagesimal float": ("a: 1:30.5\n", "1: a: YAML reads 1:30.5 as 90.5: expected a decimal number"),
    "grouped digits": ("a: 1_000\n", "1: a: YAML reads 1_000 as 1000: expected a decimal number"),
    "anchor in itself": ("a: &x\n  b: *x\n", "1: a.b: not valid YAML: an alias inside its own anchor"),
    "deep": (f"a: {'[' * 3000}{']' * 3000}\n", " not valid YAML: nested too deeply"),
    "explosion": (
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        " not valid YAML: more than 20000 keys and values, counting what aliases stand for",
    ),
    "key twice": (
        "training:\n  finer: 1\n  device: cpu\n  finer: 2\n",
        "4: training.finer: given twice (first in line 2), and only the last would count: expected each key once",
    ),
    "group twice": (
        "training: {finer: 1}\ntraining: {device: cpu}\n",
        "2: training: given twice (first in line 1), and only the last would count: expected each key once",
    ),
}


@pytest.mark.parametrize("text, told", BAD_YAML.values(), ids=BAD_YAML)
def test_yaml(project, text, told):
    (project / MINE).write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        check_yaml([MINE, BASE], project)
    (problem,) = raised.value.problems
    assert problem.startswith(f"{MINE}:{told}") and len(problem) > len(f"{MINE}:") + 25


def test_yaml_that_is_not_there_or_not_text(project):
    (project / "config/latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    (project / "config/utf16.yaml").write_bytes(OVERLAY.encode("utf-16"))
    (project / "config/utf16_unmarked.yaml").write_bytes(OVERLAY.encode("utf-16-le"))
    files = [f"config/{name}.yaml" for name in ("absent", "latin", "utf16", "utf16_unmarked")]
    with pytest.raises(ConfigurationError) as raised:
        check_yaml([*files, "config", BASE], project)
    unmarked = raised.value.problems.pop(3)
    assert unmarked.startswith("config/utf16_unmarked.yaml: not valid YAML: unacceptable character #x0000")
    assert raised.value.problems == [
        "config/absent.yaml: there is no such file",
        "config/latin.yaml:2: byte 0xe9 is not UTF-8: expected a text file in UTF-8",
        "config/utf16.yaml:1: byte 0xff is not UTF-8: expected a text file in UTF-8",
        "config: cannot be read: Is a directory",
    ]


def test_a_key_twice_in_an_overlay_is_told_with_the_rest(project):
    (project / MINE).write_text(OVERLAY + "intervals: {confidence: 0.9, confidence: 95}\n")
    assert problems(project) == [
        f"{MINE}:3: intervals.confidence: given twice (first in line 3), and only the last would count: "
        "expected each key once",
        f"{MINE}:3: intervals.confidence = 95: expected a finite number > 0 and < 1",
    ]


def test_numbers_of_the_command_line_are_numbers_even_where_snakemake_leaves_text(project):
    given = {"two_points": {"networks": "8"}, "runs": {"discard_loss_above": "1e-3"}}
    config = merged(project, (MINE, BASE), given)
    study = load_study(config, (MINE, BASE), project)
    assert study["two_points"]["rows"]["default"]["networks"] == 8 and study["runs"]["discard_loss_above"] == 1e-3
    assert config["two_points"]["networks"] == "8"
    assert problems(project, {"two_points": {"networks": "8.5"}}) == [
        "command line (--config): two_points.networks = '8.5': expected a whole number >= 1 and <= 10000"
    ]
