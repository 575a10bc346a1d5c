"""Options that several verbs share come in groups, which Typer sees as options of their own."""

from typing import Annotated, NamedTuple

from typer import Argument, Option, Typer
from typer.main import get_command

from fmnist.cli.options import given, grouped


class Both(NamedTuple):
    rate: Annotated[float, Option(help="A rate.")] = 0.5
    names: Annotated[list[str] | None, Option(metavar="NAME", help="Names.")] = None


ARRIVED = []
SLOW = Both(rate=0.25)


@grouped
def verb(place: Annotated[str, Argument(help="A place.")], *, both: Both = SLOW, last: bool = False) -> None:
    """Go somewhere."""
    ARRIVED.append((place, both, last))


def command():
    app = Typer()
    app.command()(verb)
    return get_command(app)


def test_they_stand_in_help_where_their_group_does():
    parameters = command().params[:4]
    assert [parameter.name for parameter in parameters] == ["place", "rate", "names", "last"]
    assert [parameter.help for parameter in parameters[:3]] == ["A place.", "A rate.", "Names."]
    assert command().help == "Go somewhere."


def test_they_arrive_in_their_group_with_the_defaults_of_the_verb():
    command().main(["here"], standalone_mode=False)
    command().main(["there", "--rate", "2", "--names", "a", "--names", "b", "--last"], standalone_mode=False)
    assert [("here", SLOW, False), ("there", Both(2, ["a", "b"]), True)] == ARRIVED


def test_which_of_them_were_given():
    assert given(Both(2, ["a", "b"])) == ["--rate", "--names"]
    assert given(Both()) == []
