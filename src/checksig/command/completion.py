"""Completion in PowerShell; click has it for bash, zsh and fish.

``_CHECKSIG_COMPLETE=powershell_source checksig`` prints the script that PowerShell
runs, which calls ``checksig`` with ``_CHECKSIG_COMPLETE=powershell_complete`` for each
completion. Where that prints nothing, PowerShell completes the names of files.
"""

from __future__ import annotations

import os
from typing import ClassVar

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, split_arg_string

_SCRIPT = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $line, $cursor)
    $env:COMP_LINE = $line.ToString()
    $env:COMP_WORD = $word
    $env:%(complete_var)s = "powershell_complete"
    try {
        %(prog_name)s | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
        }
    } finally {
        Remove-Item Env:COMP_LINE, Env:COMP_WORD, Env:%(complete_var)s
    }
}
"""


class PowerShellComplete(ShellComplete):
    """Reads what the script passes in the environment, and answers a line an item."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = _SCRIPT

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one to complete, and that."""
        incomplete = os.environ.get("COMP_WORD", "")
        words = split_arg_string(os.environ.get("COMP_LINE", ""))[1:]
        if incomplete and words and words[-1] == incomplete:
            words.pop()
        return words, incomplete

    def complete(self) -> str:
        """Return the items, without those that are names of files."""
        items = self.get_completions(*self.get_completion_args())
        return "\n".join(self.format_completion(item) for item in items if item.type == "plain")

    def format_completion(self, item: CompletionItem) -> str:
        """Return an item, a tab and its help."""
        return f"{item.value}\t{item.help}" if item.help else item.value


add_completion_class(PowerShellComplete)
