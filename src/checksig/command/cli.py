"""The command ``checksig``: its commands and options, and how the process ends.

The exit status is 0 only if something was verified and all output reached standard output; see
:class:`checksig.command.check.ExitStatus`.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

import checksig
from checksig._bug import report
from checksig._installation import HELPER, LIBRARY, REMEDY, is_as_built
from checksig._read import Entries
from checksig._receipts import GREATEST_AGE
from checksig._render import left_out_lines
from checksig._text import count, duration, place, printable
from checksig.command.check import Check, Target, open_standard_input, signed_options, status_of
from checksig.command.outcome import ExitStatus, fail, run_command
from checksig.command.output import JsonPrinter, TextPrinter, describe, show_files
from checksig.command.terminal import (
    Out,
    OutputError,
    flush,
    progress_bar,
    wants_color,
)
from checksig.errors import ChecksigError, ManifestError
from checksig.report import Changes, Progress

_FORMATS = (
    *("gnu", "bagit", "sfv", "pooch", "hashdeep", "record", "sidecar", "colon", "debian", "sum"),
    *("gpg", "certutil", "get-filehash"),
)
_WRITTEN = ("gnu", "tag", "sfv", "bagit")


def run(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: the arguments of the command line. None: those of the process.
    """
    return run_command(lambda: _dispatch(arguments))


def _dispatch(arguments: list[str] | None) -> int:
    """Let click run the command; make its exceptions messages and exit statuses."""
    try:
        status = main.main(args=arguments, prog_name="checksig", standalone_mode=False)
        return ExitStatus.OK if status is None else int(status)
    except click.UsageError as error:
        with contextlib.suppress(OSError):
            error.show()
        return ExitStatus.ERROR
    except click.ClickException as error:
        return fail(error.format_message())
    except ImportError as error:  # a damaged installation
        return fail(str(error))
    except SystemExit as error:  # click's, after a completion, or if nobody reads its text
        return ExitStatus.ERROR if error.code else ExitStatus.OK
    except Exception as error:
        if isinstance(error, OutputError) or (isinstance(error, OSError) and error.filename is None):
            raise  # standard output cannot be written to
        cause = error.__cause__ if isinstance(error, click.Abort) else error
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        flush()
        report(cause or error)
        return ExitStatus.ERROR


@dataclass
class Run:
    """A run of a command other than ``check``: what draws its progress, and its exit status."""

    draw: Callable[[Progress], object] | None = None
    status: ExitStatus = ExitStatus.ERROR


@contextlib.contextmanager
def _running(out: Out, progress: bool | None, interrupted: str) -> Iterator[Run]:
    """Show a progress bar; make exceptions messages and exit statuses.

    Args:
        out: what writes lines meanwhile.
        progress: whether to show a bar. None: if standard error is a terminal.
        interrupted: the message after Ctrl-C.
    """
    current = Run()
    try:
        with progress_bar(out, progress) as current.draw:
            yield current
    except KeyboardInterrupt:
        out.complain(f"interrupted: {interrupted}")
        current.status = ExitStatus.INTERRUPTED
    except (ChecksigError, OSError) as error:
        out.complain(describe(error))
        current.status = ExitStatus.ERROR
    except ValueError as error:
        if type(error) is not ValueError:
            raise  # the arguments are not at fault
        raise click.UsageError(str(error)) from error


class Commands(click.Group):
    """The commands. For a path in place of a command, the error says how to verify it."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; raise UsageError if there is none of that name."""
        if self.get_command(ctx, args[0]) is None and os.path.lexists(args[0]):
            name = printable(shlex.quote(args[0]))
            raise click.UsageError(f"{name} is not a command; to verify it, run: checksig check {name}", ctx)
        return super().resolve_command(ctx, args)


def _complete_algorithm(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of an algorithm."""
    from checksig._write import get_writable_algorithms  # slow

    create = ctx.command.name == "create"
    names = get_writable_algorithms() if create else checksig.get_algorithms()
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Return (K, N) for ``K/N``."""
    if value is None:
        return None
    number, _, of = value.partition("/")
    if not (
        value.isascii() and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) < 1 << 31
    ):
        raise click.BadParameter(f"{value!r} is not K/N with K from 1 to N, such as 3/8", ctx, param)
    return int(number), int(of)


_AGES = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def _max_age(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return the seconds of an age such as ``30d``."""
    if value is None:
        return None
    number, unit = (value, "") if value == "0" else (value[:-1], value[-1:] or "?")
    if not (value.isascii() and number.isdecimal() and unit in _AGES and (unit or value == "0")):
        text = f"{value!r} is not an age, such as 30d (units: s, m, h, d, w)"
        raise click.BadParameter(text, ctx, param)
    seconds = int(number) * _AGES[unit]
    if seconds > GREATEST_AGE:
        raise click.BadParameter(f"{value!r} is more than 366 days", ctx, param)
    return seconds


# An unreadable path is reported where it is read, not here.
_path, _path_or_dash = click.Path(readable=False), click.Path(readable=False, allow_dash=True)
_directory = click.argument("directory", metavar="[DIR]", default=".", type=_path)
_manifest = click.option("-m", "--manifest", metavar="FILE", type=_path, help="Use FILE as the manifest.")
_workers = click.option(
    "-j",
    "--workers",
    metavar="N",
    type=click.IntRange(1, 256),
    help="Read N files at once [default: automatic].",
)
_progress = click.option(
    "--progress/--no-progress",
    default=None,
    help="Show a progress bar on standard error [default: if it is a terminal].",
)
_color = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="When to color the output [default: auto].",
)
_json = click.option("--json", "as_json", is_flag=True, help="Write JSON Lines; see docs/json.md.")
_include = click.option(
    "--include", metavar="PATTERN", multiple=True, help="List only files that match PATTERN (repeatable)."
)
_exclude = click.option(
    "--exclude", metavar="PATTERN", multiple=True, help="Do not list files that match PATTERN (repeatable)."
)
_strip_prefix = click.option(
    "--strip-prefix",
    metavar="PREFIX",
    help="Take the directory PREFIX off the listed names, such as target/release/.",
)
_SIGNED = (
    click.option(
        "--signed-by",
        metavar="KEY",
        multiple=True,
        type=_path,
        help="Demand a signature of the manifest by KEY, a key file or a line with a key (repeatable).",
    ),
    click.option(
        "--min-signers",
        metavar="N",
        type=click.IntRange(1, (1 << 31) - 1),
        help="Demand signatures by N of the keys [default: 1].",
    ),
    click.option(
        "--signature",
        metavar="FILE",
        type=_path,
        help="Use FILE as the signature [default: those beside the manifest, and in it].",
    ),
    click.option("--namespace", metavar="NAME", help="Namespace of SSH signatures [default: file]."),
)


def _signed(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options about signatures."""
    for option in reversed(_SIGNED):
        function = option(function)
    return function


_symlinks = click.option("--follow-symlinks", is_flag=True, help="Also list symlinks to files.")


def _algorithm(text: str) -> Callable[..., Any]:
    return click.option("-a", "--algorithm", metavar="NAME", shell_complete=_complete_algorithm, help=text)


def _format(names: tuple[str, ...], text: str, default: str | None = None) -> Callable[..., Any]:
    return click.option(
        "-f", "--format", type=click.Choice(names), metavar="NAME", default=default, help=text
    )


_detected_algorithm = _algorithm("Digest algorithm, such as sha256 [default: detected].")
_detected_format = _format(_FORMATS, f"Manifest format: {', '.join(_FORMATS)} [default: detected].")


def _update_options(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the argument and options of ``update`` and ``diff``."""
    options = (_directory, _manifest, _include, _exclude, _symlinks, _workers, _json, _progress, _color)
    for option in reversed(options):
        function = option(function)
    return function


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
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="With --version, also show which engine is used and why, and whether its files are as built.",
)
@click.pass_context
def main(ctx: click.Context, version: bool, verbose: bool) -> None:
    """Prove that every file in a directory is what its checksum manifest says."""
    if version:
        ctx.exit(_version(verbose))
    if ctx.invoked_subcommand is None:
        raise NoArgsIsHelpError(ctx)
    if verbose:
        raise click.UsageError("-v/--verbose must follow a command or accompany --version", ctx)


def _version(verbose: bool) -> int:
    out = Out(color=False)
    with _running(out, False, "no engine was chosen") as current:
        out.line(f"checksig {checksig.__version__}")
        if verbose:
            engine = checksig.get_engine()
            out.line(f"engine: {engine.name} ({engine.reason})")
            for name, path in (("library", LIBRARY), ("helper", HELPER)):
                if os.path.exists(path):
                    state = "as built" if is_as_built(path) else f"not as built: {REMEDY}"
                    out.line(f"{name}: {path} ({state})")
        current.status = ExitStatus.OK
    return current.status


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
@_detected_algorithm
@_detected_format
@_workers
@click.option("--installed", is_flag=True, help="Verify all packages of the Python environment PATH.")
@click.option("--ignore-missing", is_flag=True, help="Do not treat missing files as bad.")
@click.option(
    "--extra",
    type=click.Choice(["ignore", "report", "fail"]),
    default="ignore",
    help="How to treat files that no manifest lists [default: ignore].",
)
@click.option("-x", "--fail-fast", is_flag=True, help="Stop at the first bad file.")
@click.option(
    "-q",
    "--quiet",
    "lines",
    flag_value="quiet",
    help="Do not print the summary line; with --json, omit good files instead.",
)
@click.option("--status", "lines", flag_value="status", help="Print no results; only set the exit status.")
@click.option("-v", "--verbose", "lines", flag_value="verbose", help="Also print a line for each good file.")
@click.option(
    "-w", "--warn", is_flag=True, help="Report the first 20 bad lines of each manifest, not only one."
)
@click.option("--strict", is_flag=True, help="Exit with status 2 for a bad line, even if a file is bad too.")
@_strip_prefix
@_signed
@_json
@click.option("--shard", metavar="K/N", callback=_shard, help="Verify every Nth file, starting with the Kth.")
@click.option(
    "--executor",
    metavar="dask:ADDRESS",
    help="Verify on the workers of the Dask scheduler at ADDRESS; of files, print only those not OK.",
)
@click.option(
    "--shards",
    metavar="N",
    type=click.IntRange(1),
    help="With --executor, divide the files into N parts [default: 16].",
)
@click.option(
    "--receipts",
    is_flag=True,
    help="Do not hash files that were hashed before, were OK, and are untouched since.",
)
@click.option(
    "--max-age",
    metavar="AGE",
    callback=_max_age,
    help="With --receipts, hash files again after AGE, such as 12h or 30d [default: 30d].",
)
@_progress
@_color
def check(**options: Any) -> int:
    """Verify files against checksum manifests.

    PATH is a directory, a manifest, or - for a manifest on standard input (default: the current
    directory). File names are relative to the directory of the manifest; with -m, to PATH; for
    standard input, to the current directory. For the RECORD of an installed package, they are
    relative to its site-packages, and the files are in its environment. With --installed, PATH is a
    Python environment (default: the one of this command), and all its packages are verified.

    The output is a line for each file that is not OK, then a summary line. Exit status: 0, all is
    well and something was verified; 1, a file is bad; 2, an error: bad usage, unusable manifest,
    manifest not signed as demanded, bad manifest line, nothing verified, or output lost; 130,
    interrupted.
    """
    return Check(**options).run()


@main.command(epilog=_example("checksig join verify-*.jsonl"))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_path_or_dash)
@click.option("-q", "--quiet", is_flag=True, help="Do not print the summary line.")
@_json
@_color
def join(files: tuple[str, ...], quiet: bool, as_json: bool, color: str) -> int:
    """Join the shards of a verification that was divided among machines.

    FILE has the output of `checksig check --json --shard K/N`; - is standard input. There is no
    verdict unless each of the N shards is complete and there once, and all of them read the same
    manifests: with the same digest, size and times. What join prints, and its exit status, are those
    of `checksig check` for the whole.
    """
    from checksig.command import join as joining  # needs modules that no other command does

    out = Out(wants_color(color))
    with _running(out, False, "nothing was joined") as current:
        report = joining.join_files(files)
        printer = JsonPrinter(out) if as_json else TextPrinter(out, summary=not quiet)
        printer.end(show_files(printer, report, 0), report)
        current.status = status_of(report)
    return current.status


@main.command(epilog=_example("checksig create data", "checksig create -a blake3 --exclude '*.tmp' data"))
@_directory
@_manifest
@_algorithm("Digest algorithm [default: sha256].")
@_format(_WRITTEN, "Manifest format: gnu, tag, sfv, or bagit to make a bag [default: gnu].", "gnu")
@_include
@_exclude
@_symlinks
@click.option("--overwrite", is_flag=True, help="Replace an existing manifest.")
@_workers
@_progress
@_color
def create(directory: str, workers: int | None, progress: bool | None, color: str, **options: Any) -> int:
    """Write a manifest of a directory's files.

    Every regular file in DIR (default: the current directory) and below it is listed, except other
    manifests that `checksig check` reads in DIR, and signatures of manifests, such as
    SHA256SUMS.asc. What is left out is printed. The manifest is SHA256SUMS in DIR unless -m, -a or
    -f says otherwise. It is written atomically.
    """
    out = Out(wants_color(color))
    with _running(out, progress, "no manifest was written") as current:
        start = time.monotonic()
        written = checksig.create(directory, workers=workers, progress=current.draw, **options)
        took = duration(time.monotonic() - start)
        listed = f"{count(written.entries, 'file')} listed"
        path = place(written.path)
        for line in left_out_lines(written.left_out):
            out.line(line, urgent=False)
        out.line(f"{out.paint(listed, 'green')} · {', '.join(written.algorithms)} · {took} · {path}")
        current.status = ExitStatus.OK
    return current.status


@main.command(epilog=_example("checksig update data"))
@click.option("--all", is_flag=True, help="Hash every file, not only new and touched ones.")
@_update_options
def update(**options: Any) -> int:
    """Bring a manifest up to date.

    New files are added and deleted files are removed. Files are hashed again if they are not older
    than the manifest. Other files are not read, and the last line counts them. Use --all if
    something else has written or touched the manifest since, because its time then hides changes.
    """
    return _change(checksig.update, ExitStatus.OK, "the manifest is unchanged", **options)


@main.command(
    epilog=_example(
        "checksig diff data",
        "checksig diff -m old/SHA256SUMS data",
        "rclone hashsum md5 s3:bucket | checksig diff data --with - -a md5",
    )
)
@click.option(
    "--with",
    "other",
    metavar="OTHER",
    type=_path_or_dash,
    help="Compare the manifest with OTHER, a manifest, directory or listing, and read no file.",
)
@_algorithm("Digest algorithm of OTHER [default: detected].")
@_format(_FORMATS, "Manifest format of OTHER [default: detected].")
@_strip_prefix
@click.option("--other-prefix", metavar="PREFIX", help="Take the directory PREFIX off the names in OTHER.")
@_signed
@_update_options
def diff(
    other: str | None,
    signed_by: tuple[str, ...],
    min_signers: int | None,
    signature: str | None,
    namespace: str | None,
    **options: Any,
) -> int:
    """Report what differs from a manifest.

    The content of every file is read, and nothing is written. With --with, the manifest is compared
    with OTHER by name and digest, and no data file is read. OTHER is another manifest, a directory
    that has manifests, - for standard input, or a listing of an object store: the JSON of
    `rclone lsjson --hash`, of S3, Google Cloud Storage or Azure, or CSV such as an S3 inventory. DIR
    may then be a manifest.

    Exit status: 0, nothing differs; 1, something differs; 2, an error, or a file that both list
    cannot be compared, because they have no algorithm in common; 130, interrupted.
    """
    signed = signed_options(signed_by, min_signers, signature, namespace)

    def change(directory: str, **more: Any) -> Changes:
        return checksig.diff(directory, other=open_standard_input() if other == "-" else other, **more)

    return _change(change, ExitStatus.BAD, "the comparison is incomplete", **options, **signed)


def _change(
    change: Callable[..., Changes],
    changed: ExitStatus,
    interrupted: str,
    *,
    directory: str,
    workers: int | None,
    as_json: bool,
    progress: bool | None,
    color: str,
    **options: Any,
) -> int:
    """Show the changes that a function of the API returns; return ``changed`` if there are any."""
    out = Out(wants_color(color))
    with _running(out, progress, interrupted) as current:
        changes = change(directory, workers=workers, progress=current.draw, **options)
        printer = JsonPrinter(out) if as_json else TextPrinter(out)
        printer.changes(directory, changes)
        current.status = changed if changes.differ else ExitStatus.ERROR if changes else ExitStatus.OK
    return current.status


@main.command(epilog=_example("checksig show data/SHA256SUMS", "checksig show -q data"))
@click.argument("manifest", metavar="[MANIFEST]", default=".", type=_path_or_dash)
@_detected_algorithm
@_detected_format
@_strip_prefix
@_signed
@click.option("-q", "--quiet", is_flag=True, help="Do not list the entries.")
@_json
@_color
def show(
    manifest: str,
    quiet: bool,
    as_json: bool,
    color: str,
    signed_by: tuple[str, ...],
    min_signers: int | None,
    signature: str | None,
    namespace: str | None,
    **options: Any,
) -> int:
    """Show how a manifest is interpreted.

    The entries are listed, followed by the format and the algorithms of each manifest.
    MANIFEST is a file, a directory that contains manifests (default: the current directory), or -
    for standard input. Exit status: 0, every line is understood; 2, a line is bad, or the
    manifest is unusable or not signed as demanded.
    """
    out = Out(wants_color(color))
    printer = JsonPrinter(out) if as_json else TextPrinter(out, warn=True)
    with _running(out, False, "the manifest was not read to its end") as current:
        signed = signed_options(signed_by, min_signers, signature, namespace)
        entries = Target.of(manifest, None, **options).entries(signed)
        current.status = _show(entries, printer, quiet)
    return current.status


def _show(entries: Entries, printer: JsonPrinter | TextPrinter, quiet: bool) -> ExitStatus:
    try:
        for entry in entries:
            if not quiet:
                printer.entry(entry)
    except ManifestError:
        if not entries.bad_lines:
            raise
    printer.manifests(entries)
    return ExitStatus.ERROR if entries.bad_lines else ExitStatus.OK


@main.command(
    "receipts",
    epilog=_example("checksig receipts data", "checksig receipts --all", "checksig receipts --forget data"),
)
@click.argument("paths", metavar="[DIR]...", nargs=-1, type=_path)
@click.option("--all", "everything", is_flag=True, help="Show the receipts of all directories.")
@click.option("--forget", is_flag=True, help="Remove the receipts, so that every file is hashed again.")
@_json
@_color
def receipts_command(
    paths: tuple[str, ...], everything: bool, forget: bool, as_json: bool, color: str
) -> int:
    """Show or forget the receipts of `checksig check --receipts`.

    A receipt says that a file was hashed and was OK, and how it looked then. For each DIR (default:
    the current directory), the output is the number of receipts, the oldest one, and the file that
    has them.
    """
    from checksig.command import receipts  # slow

    if everything and paths:
        raise click.UsageError("--all allows no DIR")
    out = Out(wants_color(color))
    printer = JsonPrinter(out) if as_json else TextPrinter(out)
    with _running(out, False, "not all receipts were shown") as current:
        found = receipts.find_all() if everything else map(receipts.find, paths or (".",))
        for stored in found:
            printer.receipts(stored, forget and receipts.forget(stored))
        current.status = ExitStatus.OK
    return current.status
