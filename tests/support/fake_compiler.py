"""A C++ compiler that only notes that it ran, for tests of what a build does with the real ones."""

import stat

FAKE_COMPILER = """#!/bin/sh
case "$*" in *--version*) echo "fake 1.0"; exit;; esac
{refuse}
case "$*" in *-fsyntax-only*) exit;; esac
echo run >> "{log}"
while [ "$1" != -o ]; do shift; done
sleep 0.05
echo built > "$2"
"""


class FakeCompiler:
    """The program ``path``; calling this returns how often it has compiled."""

    def __init__(self, path):
        self.path, self._log = path, path.with_suffix(".log")
        self.write()

    def write(self, refuse=""):
        """Write the program, with shell lines that refuse some flags."""
        self.path.write_text(FAKE_COMPILER.format(log=self._log, refuse=refuse), encoding="utf-8")
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    def refuse(self, flag, words="error: unrecognized command-line option"):
        """Make it an older compiler that does not know a flag."""
        self.write(f'case "$*" in *{flag}*) echo "{words} \'{flag}\'" >&2; exit 1;; esac')

    def __call__(self):
        return len(self._log.read_text(encoding="utf-8").split()) if self._log.exists() else 0
