"""`sentibench`: the verbs, and how errors reach the user (one line, exit code 2)."""

from __future__ import annotations

import gc
import importlib
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from benchmark.cli.options import Commands
from benchmark.cli.output import never_fail_to_encode
from benchmark.words import one_line

#: Verb -> (its module, its line in the list of commands). Modules are imported when their verb is used.
_VERBS = {
    "run": ("benchmark.cli.run", "Train and evaluate a study; finished runs are reused."),
    "runs": ("benchmark.cli.runs", "List and remove stored runs; show the disk space they take."),
    "merge": ("benchmark.cli.merge", "Combine folders of runs made on several machines."),
    "tune": ("benchmark.cli.tune", "Search a model's hyper-parameters on validation data."),
    "report": ("benchmark.cli.report", "Print and write the tables of a study."),
    "plot": ("benchmark.cli.plot", "Draw the figures of a study."),
    "site": ("benchmark.cli.site", "Write an interactive page of a study, in one file."),
    "export": ("benchmark.cli.export", "Write results and models in the formats of other programs."),
    "compare": ("benchmark.cli.compare", "Test whether two models differ (paired)."),
    "score": ("benchmark.cli.score", "Evaluate predictions that were made elsewhere."),
    "predict": ("benchmark.cli.predict", "Predict new samples with a trained run."),
    "reproduce": ("benchmark.cli.reproduce", "Measure a table or figure of a paper, beside the published one."),
    "data": ("benchmark.cli.data", "Import, list, verify and describe data sets."),
    "models": ("benchmark.cli.models", "List, check and create models."),
    "protocols": ("benchmark.cli.protocols", "List, show and export protocols."),
    "doctor": ("benchmark.cli.doctor", "Show versions, device, data sets and text encoder."),
}


class _LazyGroup(Commands):
    """Group that imports a verb's module only when it is called, so that `--help` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command = getattr(importlib.import_module(_VERBS[cmd_name][0]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _VERBS.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True},
)
@click.version_option(package_name="sentibench", prog_name="sentibench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def sentibench(debug: bool) -> None:
    """Benchmark of multimodal sentiment analysis under missing text, audio and vision."""


@contextmanager
def _terminable(received: list[int]) -> Iterator[None]:
    """Context in which SIGTERM is noted and ends a command as Ctrl-C does, with files closed; a second is ignored."""

    def terminate(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        received.append(number)  # libraries raise interrupts of their own instead of the one that passes through them
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: list[str] | None = None) -> None:
    """Run a verb (entry point); bad input is one line on standard error and exit code 2."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    gc.set_threshold(10_000, 10, 10)  # imports and figures leave little garbage; 7 % of the time of a small study
    never_fail_to_encode()
    received: list[int] = []
    try:
        with _terminable(received):
            code = sentibench.main(args=given, prog_name="sentibench", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        sys.exit(2)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        _fail(_usage_text(error, context) + hint)
    except ValueError as error:
        from protocols import InputError  # imports numpy, which `--help` does without

        if not isinstance(error, InputError):
            raise
        if debug:
            traceback.print_exc()
        _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("sentibench: interrupted; run the same command again to continue", err=True)
        sys.exit(143 if received else 130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    sys.exit(code if isinstance(code, int) else 0)


def _usage_text(error: click.ClickException, context: click.Context | None) -> str:
    """Text of a usage error; for an unknown option, with the nearest options of the command."""
    if context is None or not isinstance(error, click.NoSuchOption):
        return error.format_message()
    from protocols import unknown_name

    options = (p for p in context.command.get_params(context) if isinstance(p, click.Option))
    return str(
        unknown_name("option", error.option_name, [name for o in options for name in (*o.opts, *o.secondary_opts)])
    )


def _fail(message: str) -> None:
    click.echo(f"sentibench: {one_line(message)}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
