"""The command ``checksig``.

Exit status: 0, all is well; 1, a file is not OK, or differs; 2, it could not be done;
130, it was interrupted. It is 0 only if something was verified, and everything that
was to be written to standard output was.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

import checksig
from checksig._read import Entries
from checksig._text import count, duration, place, printable
from checksig.command.check import BAD, CANCELLED, GOOD, TROUBLE, Check, Target
from checksig.command.output import JsonPrinter, TextPrinter, cause, describe
from checksig.command.terminal import Out, OutputError, complain, failing, progress_bar, wants_color
from checksig.errors import ChecksigError, ManifestError
from checksig.report import Changes, Progress

_FORMATS = ("gnu", "bagit", "sfv", "pooch", "hashdeep", "record", "sidecar")
_WRITTEN = ("gnu", "tag", "sfv", "bagit")


class Commands(click.Group):
    """The commands; a path in place of one is told how to go on."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; raise UsageError if there is none of that name."""
        if self.get_command(ctx, args[0]) is None and os.path.lexists(args[0]):
            name = printable(shlex.quote(args[0]))
            raise click.UsageError(f"{name} is no command; to verify it: checksig check {name}", ctx)
        return super().resolve_command(ctx, args)


def run(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: those of the command line. None: the process's own.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    status = _guarded(arguments)
    try:
        sys.stderr.flush()
    except OSError:  # when Python ends it would try again, and change the status
        _discard(sys.stderr)
    return status


def _guarded(arguments: list[str] | None) -> int:
    if sys.stdout is None:
        return _fail("standard output is closed")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _run(arguments)
        with failing():
            sys.stdout.flush()
        return status
    except OutputError as error:
        return _lost(error.__cause__)
    except OSError as error:  # of a help text
        return _lost(error)


def _run(arguments: list[str] | None) -> int:
    try:
        status = main.main(args=arguments, prog_name="checksig", standalone_mode=False)
        return GOOD if status is None else int(status)
    except click.UsageError as error:
        with contextlib.suppress(OSError):
            error.show()
        return TROUBLE
    except click.ClickException as error:
        return _fail(error.format_message())
    except ImportError as error:  # a damaged installation
        return _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return CANCELLED


def _fail(message: str) -> int:
    complain(message)
    return TROUBLE


def _lost(error: BaseException | None) -> int:
    """Tell that standard output cannot be written to; who has closed a pipe need not be told."""
    _discard(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return TROUBLE
    return _fail(f"standard output: {cause(error)}")


def _discard(stream: TextIO) -> None:
    """Let what is still to be flushed, and all that comes, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@dataclass
class Work:
    """A piece of work under way: what shows its progress, and its exit status."""

    draw: Callable[[Progress], object] | None = None
    status: int = TROUBLE


@contextlib.contextmanager
def _working(out: Out, progress: bool | None, interrupted: str) -> Iterator[Work]:
    """Show progress; and make an exception a message and an exit status.

    Args:
        out: what is written meanwhile.
        progress: whether a bar is wanted; None: on a terminal.
        interrupted: what to say of Ctrl-C.
    """
    work = Work()
    try:
        with progress_bar(out, progress) as work.draw:
            yield work
    except KeyboardInterrupt:
        out.complain(f"interrupted: {interrupted}")
        work.status = CANCELLED
    except (ChecksigError, OSError) as error:
        out.complain(describe(error))
        work.status = TROUBLE
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _algorithms(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of an algorithm."""
    return [CompletionItem(name) for name in checksig.get_algorithms() if name.startswith(incomplete)]


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Return K and N of K/N."""
    if value is None:
        return None
    number, _, of = value.partition("/")
    if not (
        value.isascii() and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) < 1 << 31
    ):
        raise click.BadParameter(f"{value!r} is not K/N with K from 1 to N, as 3/8", ctx, param)
    return int(number), int(of)


# Whether a path can be read is found out where it is read.
_path, _path_or_dash = click.Path(readable=False), click.Path(readable=False, allow_dash=True)
_directory = click.argument("directory", metavar="[DIR]", default=".", type=_path)
_manifest = click.option("-m", "--manifest", metavar="FILE", type=_path, help="The manifest.")
_algorithm = click.option(
    "-a", "--algorithm", metavar="NAME", shell_complete=_algorithms, help="Of the digests, such as sha256."
)
_workers = click.option(
    "-j", "--workers", metavar="N", type=click.IntRange(1, 256), help="Read N files at once, at most 256."
)
_progress = click.option(
    "--progress/--no-progress", default=None, help="Show a bar on stderr. [default: if that is a terminal]"
)
_color = click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour the output."
)
_json = click.option("--json", "as_json", is_flag=True, help="Write JSON Lines, as docs/json.md tells.")
_include = click.option("--include", metavar="PATTERN", multiple=True, help="List only files that match.")
_exclude = click.option("--exclude", metavar="PATTERN", multiple=True, help="Do not list files that match.")
_symlinks = click.option("--follow-symlinks", is_flag=True, help="List symlinks to files, too.")


def _format(names: tuple[str, ...], text: str, default: str | None = None) -> Callable[..., Any]:
    return click.option(
        "-f", "--format", type=click.Choice(names), metavar="NAME", default=default, help=text
    )


def _example(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    short_help="Verify directories against checksum manifests.",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_example("checksig check", "checksig check data/SHA256SUMS", "checksig create data"),
)
@click.option("--version", is_flag=True, help="Show the version and exit.")
@click.option("-v", "--verbose", is_flag=True, help="With --version, tell which engine serves, and why.")
@click.pass_context
def main(ctx: click.Context, version: bool, verbose: bool) -> None:
    """Prove that every file of a directory is what its checksum manifest says."""
    if version:
        ctx.exit(_version(verbose))
    if ctx.invoked_subcommand is None:
        raise NoArgsIsHelpError(ctx)
    if verbose:
        raise click.UsageError("-v/--verbose goes with --version, or behind a command", ctx)


def _version(verbose: bool) -> int:
    out = Out(color=False)
    with _working(out, False, "no engine was chosen") as work:
        out.line(f"checksig {checksig.__version__}")
        if verbose:
            engine = checksig.get_engine()
            out.line(f"engine: {engine.name} ({engine.reason})")
        work.status = GOOD
    return work.status


@main.command(
    epilog=_example(
        "checksig check",
        "checksig check -v data other/SHA256SUMS",
        "curl -s URL/SHA256SUMS | checksig check --ignore-missing -",
        """checksig check --json -q data | jq 'select(.type == "file").path'""",
    )
)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=_path_or_dash)
@_manifest
@_algorithm
@_format(_FORMATS, f"Of the manifest: {', '.join(_FORMATS)}.")
@_workers
@click.option("--ignore-missing", is_flag=True, help="A file that is not there is not bad.")
@click.option(
    "--extra",
    type=click.Choice(["ignore", "report", "fail"]),
    default="ignore",
    help="What files are that no manifest lists.",
)
@click.option("-x", "--fail-fast", is_flag=True, help="Stop at the first file that is not OK.")
@click.option("-q", "--quiet", "lines", flag_value="quiet", help="Write no last line.")
@click.option("--status", "lines", flag_value="status", help="Write nothing; the exit status tells.")
@click.option("-v", "--verbose", "lines", flag_value="verbose", help="Write the lines of good files, too.")
@click.option("-w", "--warn", is_flag=True, help="Name each bad line of a manifest, not just the first.")
@click.option("--strict", is_flag=True, help="Exit with 2 for a bad line, even if a file is not OK.")
@_json
@click.option("--shard", metavar="K/N", callback=_shard, help="Verify every N-th file, from the K-th on.")
@_progress
@_color
def check(**options: Any) -> int:
    """Verify files against checksum manifests.

    PATH is a directory, a manifest (whose files lie beside it), or - for a manifest on
    standard input, whose files are looked for here. Without PATH it is this directory.

    A line is written for each file that is not OK, and a last one that sums up. Exit status:
    0, all is well; 1, a file is not OK; 2, it could not be done, nothing was verified, or a
    line of a manifest is bad; 130, interrupted.
    """
    return Check(**options).run()


@main.command(epilog=_example("checksig create data", "checksig create -a blake3 --exclude '*.tmp' data"))
@_directory
@_manifest
@_algorithm
@_format(_WRITTEN, "Of the manifest: gnu (default), tag, sfv, or bagit, which makes a bag.", "gnu")
@_include
@_exclude
@_symlinks
@click.option("--overwrite", is_flag=True, help="Replace a manifest that is there.")
@_workers
@_progress
@_color
def create(directory: str, workers: int | None, progress: bool | None, color: str, **options: Any) -> int:
    """Write a manifest of a directory's files.

    Listed is every regular file in DIR (default: this directory) and below it, but no
    manifest of DIR's own. The manifest is SHA256SUMS in DIR, or as -a and -m say. It appears
    complete, or not at all.
    """
    out = Out(wants_color(color))
    with _working(out, progress, "no manifest was written") as work:
        start = time.monotonic()
        written = checksig.create(directory, workers=workers, progress=work.draw, **options)
        took = duration(time.monotonic() - start)
        listed = f"{count(written.entries, 'file')} listed"
        path = place(written.path)
        out.line(f"{out.paint(listed, 'green')} · {', '.join(written.algorithms)} · {took} · {path}")
        work.status = GOOD
    return work.status


def _changing(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of update and diff."""
    options = (_directory, _manifest, _include, _exclude, _symlinks, _workers, _json, _progress, _color)
    for option in reversed(options):
        function = option(function)
    return function


@main.command(epilog=_example("checksig update data"))
@_changing
def update(**options: Any) -> int:
    """Bring a manifest up to date.

    What is new is added, what is gone is dropped, what was touched is hashed. What was not
    touched is not read: 'checksig diff' reads every file.
    """
    return _change(checksig.update, GOOD, "the manifest stays as it was", **options)


@main.command(epilog=_example("checksig diff data", "checksig diff -m old/SHA256SUMS data"))
@_changing
def diff(**options: Any) -> int:
    """Tell what differs from a manifest.

    The content of every file is read, and nothing is written.
    Exit status: 0, nothing differs; 1, something does; 2, it could not be told.
    """
    return _change(checksig.diff, BAD, "nothing was compared to its end", **options)


def _change(
    change: Callable[..., Changes],
    changed: int,
    interrupted: str,
    *,
    directory: str,
    workers: int | None,
    as_json: bool,
    progress: bool | None,
    color: str,
    **options: Any,
) -> int:
    """Show what a function of the API says has changed; return ``changed`` if something has."""
    out = Out(wants_color(color) and not as_json)
    with _working(out, progress, interrupted) as work:
        changes = change(directory, workers=workers, progress=work.draw, **options)
        printer = JsonPrinter(out) if as_json else TextPrinter(out)
        printer.changes(directory, changes)
        work.status = changed if changes else GOOD
    return work.status


@main.command(epilog=_example("checksig show data/SHA256SUMS", "checksig show -q data"))
@click.argument("manifest", metavar="[MANIFEST]", default=".", type=_path_or_dash)
@_algorithm
@_format(_FORMATS, f"Of the manifest: {', '.join(_FORMATS)}.")
@click.option("-q", "--quiet", is_flag=True, help="Show no entries, but how they were understood.")
@_json
@_color
def show(manifest: str, quiet: bool, as_json: bool, color: str, **options: Any) -> int:
    """Show how a manifest is understood.

    Its entries are shown, then its format and its algorithms.
    MANIFEST is a file, a directory that has some (default: this one), or - for standard
    input. Exit status: 0, every line is understood; 2, one is not.
    """
    out = Out(wants_color(color) and not as_json)
    printer = JsonPrinter(out) if as_json else TextPrinter(out, warn=True)
    with _working(out, False, "not read to its end") as work:
        entries = Target.of(manifest, None, **options).entries()
        work.status = _show(entries, printer, quiet)
    return work.status


def _show(entries: Entries, printer: JsonPrinter | TextPrinter, quiet: bool) -> int:
    try:
        for entry in entries:
            if not quiet:
                printer.entry(entry)
    except ManifestError:
        if not entries.bad_lines:
            raise
    printer.manifests(entries)
    return TROUBLE if entries.bad_lines else GOOD
