"""Options are called, explained and shown alike in all verbs."""

from __future__ import annotations

import re

from typer import Context
from typer.main import get_command

from fmnist.cli.main import app

ROOT = get_command(app)
VERBS = {name: verb for name, verb in ROOT.commands.items() if not hasattr(verb, "commands")}
VERBS |= {
    f"{name} {below}": verb
    for name, group in ROOT.commands.items()
    for below, verb in getattr(group, "commands", {}).items()
}
PARAMETERS = [parameter for verb in VERBS.values() for parameter in verb.params]
OPTIONS = [(option.opts[0], option) for option in PARAMETERS if option.param_type_name == "option"]
ARGUMENTS = [
    (argument.metavar, argument) for argument in PARAMETERS if argument.param_type_name == "argument"
]
OF_VERB = {
    verb: {name for option in command.params for name in option.opts} for verb, command in VERBS.items()
}
MEASURING = ["run", "eval", "parity", "bench", "compare", "verify", "predict", "inspect", "deploy", "doctor"]


def placeholder(option):
    """What help shows behind an option's name for what it takes; nothing of a flag."""
    return "" if option.is_flag else option.make_metavar(ctx=Context(ROOT))


def kind(option):
    """The type of what an option takes, such as path; a word is one, whoever checks it."""
    first, *_ = getattr(option.type, "types", [option.type])  # where it takes several
    return "str" if first.name == "choice" else first.name


def test_every_explanation_is_a_sentence():
    for name, option in [*OPTIONS, *ARGUMENTS]:
        assert option.help.endswith("."), name
        assert option.help == " ".join(option.help.split()), name


DIFFERENT = {"--out", "--baseline"}
"""Options for what a verb makes, and for what is in use: a model for parity, a bench for bench."""


def test_options_of_the_same_name_mean_the_same():
    """But for those of `DIFFERENT`, and --dataset, whose default depends on whether there is a model yet."""
    seen = {}
    for name, option in OPTIONS:
        meaning = (
            option.help.partition(" Default: ")[0] if name == "--dataset" else option.help,
            kind(option),
        )
        if name not in DIFFERENT:
            assert seen.setdefault(name, meaning) == meaning, name


def test_options_of_the_same_name_are_shown_alike():
    """But for those whose files are one or two, one file or a folder."""
    shown = {}
    for name, option in OPTIONS:
        shown.setdefault(name, set()).add(placeholder(option))
    assert shown.pop("--out") == {"FILE", "DIR", "PATH"}
    assert shown.pop("--scores") == {"FILE", "REFERENCE CANDIDATE"}
    assert shown.pop("--baseline") == {"FILE", "PATH"}
    assert {name: metavars for name, metavars in shown.items() if len(metavars) > 1} == {}


def test_options_of_the_same_meaning_have_the_same_name():
    """No two are explained alike, and none is the plural, or another spelling, of another."""
    names = {name for name, _ in OPTIONS}
    others = names - {"--dataset", *DIFFERENT}
    assert len({option.help for name, option in OPTIONS if name in others}) == len(others)
    assert len({name.replace("-", "").removesuffix("s") for name in names}) == len(names)
    assert all(re.fullmatch("--[a-z]+(-[a-z]+)*", name) for name in names)
    assert all(len(option.opts) == 1 and not option.secondary_opts for _, option in OPTIONS)


def test_what_an_option_takes_is_named_and_fits_its_type():
    """By its own words, or in capitals: Typer's <str> and <int range> say nothing to a person."""
    for name, option in OPTIONS:
        if option.is_flag:
            continue
        shown = placeholder(option)
        if kind(option) == "path":
            assert shown in ("FILE", "DIR", "PATH", "REFERENCE CANDIDATE"), name
        else:
            assert re.fullmatch(r"[A-Z]+|WxH(\[xB\])?|<[\w.-]+(\|[\w.-]+)+>", shown), name
            assert shown not in ("FILE", "DIR", "PATH"), name


def test_arguments_of_the_same_name_mean_the_same():
    """But for MODEL, of which not every verb takes every format."""
    seen = {}
    for name, argument in ARGUMENTS:
        assert re.fullmatch(r"\[[A-Z]+\](\.\.\.)?|[A-Z]+(\.\.\.)?", name)
        if name not in ("[MODEL]", "MODEL"):
            assert seen.setdefault(name, argument.help) == argument.help


def test_who_measures_writes_json_and_who_is_told_a_place_can_be_forced():
    measuring = [*MEASURING, "data list", "data verify"]
    assert [verb for verb in measuring if "--json" not in OF_VERB[verb]] == []
    assert [verb for verb, names in OF_VERB.items() if "--out" in names and "--force" not in names] == []
