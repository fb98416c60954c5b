"""The command line: the list of commands, and the handling of their errors.

A command's module is imported only when the command is needed. Heavy modules are imported only when the command runs.
Help therefore appears immediately.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wattward.experiments.cli.options import speaking_plainly

SECTIONS = {
    "Train and compare": {
        "train": "compare:train",
        "tune": "compare:tune",
        "evaluate": "compare:evaluate",
        "leaderboard": "compare:leaderboard",
        "reproduce": "compare:reproduce",
    },
    "Look": {
        "list": "worlds:list_",
        "describe": "worlds:describe",
        "replay": "pages:replay",
        "report": "pages:report",
    },
    "Bring in and account": {
        "import": "worlds:import_",
        "ledger": "ledger:commands",
    },
    "Measure and study": {
        "benchmark": "benchmark:benchmark",
        "study": "study:commands",
    },
}
"""The commands in each section of the help.

A value is MODULE:FUNCTION, or MODULE:GROUP for a group of commands, in this package.
"""
FULL = 1000
"""Largest length of a help line in characters; so large that lines are wrapped but not cut."""
COMMANDS = {name: where for section in SECTIONS.values() for name, where in section.items()}


class Commands(TyperGroup):
    """A group that imports a command only when it is needed, and reports bad input in one clear message."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer does not export the type of contexts
        """Returns the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002
        """Returns the command with that name, or None."""
        return command_of(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Writes the commands to the help, by section."""
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.get_command(ctx, name).get_short_help_str(FULL)) for name in section])

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Runs the command; bad input gives exit code 2 and Ctrl-C gives 130, both without a traceback."""
        with speaking_plainly():
            return super().invoke(ctx)


def command_of(name: str) -> Any:  # noqa: ANN401 - Typer does not export the type of commands
    """Returns the command for one of the names in `COMMANDS`."""
    module, _, attribute = COMMANDS[name].partition(":")
    found = getattr(import_module(f"wattward.experiments.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name)(found)
        found = alone
    command = typer.main.get_command(found)
    command.name = name
    return command


app = typer.Typer(
    cls=Commands,
    help="Send GPU work to where and when power is cheap and green.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        from wattward import __version__

        typer.echo(f"wattward {__version__}")
        raise typer.Exit


@app.callback()
def wattward(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Send GPU work to where and when power is cheap and green."""


def main() -> None:
    """The entry point of the `wattward` command."""
    app(prog_name="wattward")


if __name__ == "__main__":
    main()
