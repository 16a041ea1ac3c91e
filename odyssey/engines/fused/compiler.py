"""The C++ compiler of this machine: which it is, what it can do, what it says when it fails."""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass

from odyssey.engines.fused.instructions import INSTRUCTION_SETS, KernelError

#: The kernels' least requirements: what g++ 9 brought, and clang has not.
_PROBE = """
typedef float Floats __attribute__((vector_size(16)));
typedef int Integers __attribute__((vector_size(16)));
#include <optional>
Floats probe(Integers a, Integers mask) {
  return __builtin_convertvector(__builtin_shuffle(a, mask), Floats);
}
"""
_ADVICE = "install g++, set CXX, or choose `kernels: gluon` in config.yaml (slow, same numbers)"


@dataclass(frozen=True)
class Compiler:
    """A compiler: the words of its command, and the first line of what it says of itself."""

    command: tuple[str, ...]
    version: str = ""

    def __str__(self) -> str:
        return f"{shlex.join(self.command)} ({self.version or 'version unknown'})"

    def run(self, *arguments: str, scratch: str | None = None, source: str = "") -> str:
        """Return what it prints. Raises KernelError with its first complaint, in English."""
        environment = os.environ | {"LC_ALL": "C"} | ({"TMPDIR": scratch} if scratch else {})
        environment.pop("LANGUAGE", None)
        try:
            done = subprocess.run(
                [*self.command, *arguments],
                input=source,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=environment,
            )
        except OSError as error:
            raise KernelError(f"{self} can't be started: {error.strerror}; {_ADVICE}") from error
        if done.returncode:
            raise KernelError(f"{self} could not build the fused kernels: {_complaint(done)}")
        return done.stdout

    def check(self) -> None:
        """Raise KernelError unless it can compile the kernels at all."""
        try:
            self._accepts("-std=c++17", source=_PROBE)
        except KernelError as error:
            raise KernelError(f"{error}; the kernels need g++ 9 or later: {_ADVICE}") from error

    def refusal(self, instruction_set: str) -> str:
        """Return why it can't compile for an instruction set; nothing if it can."""
        try:
            self._accepts(*INSTRUCTION_SETS[instruction_set])
        except KernelError as error:
            return str(error)
        return ""

    def _accepts(self, *flags: str, source: str = "") -> None:
        self.run(*flags, "-x", "c++", "-fsyntax-only", "-", source=source)


def find_compiler() -> Compiler:
    """Return the compiler that CXX names, or g++. Raises KernelError if there is none."""
    compiler = Compiler(_command())
    return Compiler(compiler.command, compiler.run("--version").partition("\n")[0])


def _command() -> tuple[str, ...]:
    chosen = os.environ.get("CXX", "").strip()
    if not chosen:
        for name in ("g++", "c++", "clang++"):
            if shutil.which(name):
                return (name,)
        raise KernelError(
            f"building the fused kernels needs a C++17 compiler, found none: {_ADVICE}"
        )
    if shutil.which(chosen):  # also where the path has blanks
        return (chosen,)
    try:
        words = tuple(shlex.split(chosen))  # such as `ccache g++`, `g++ -m64`
    except ValueError as error:
        raise KernelError(f"CXX={chosen} can't be read: {error}") from error
    if not shutil.which(words[0]):
        raise KernelError(
            f"building the fused kernels needs a C++17 compiler, and CXX={chosen} names no program "
            f"here: {_ADVICE}"
        )
    return words


def _complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """Return the line that says what is wrong."""
    if done.returncode < 0:
        return f"it was killed by signal {-done.returncode}; is there enough memory?"
    lines = [" ".join(line.split()) for line in (done.stderr or done.stdout).splitlines()]
    lines = [line for line in lines if line]
    telling = [line for line in lines if "error" in line.lower() or "undefined reference" in line]
    return (telling or lines or [f"exit {done.returncode} without a message"])[0]
