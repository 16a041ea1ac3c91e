"""A private SLURM on loopback: slurmctld and several slurmd, without systemd, as root or not.

It needs Debian's slurmctld, slurmd, slurm-client and munge. Nodes share this machine's cores and
file system; memory limits are enforced by SLURM's own accounting of processes, not by cgroups.
``python -m benchmarks.private_slurm [SECONDS]`` starts one by hand and prints how to reach it.
"""

import contextlib
import getpass
import os
import random
import secrets
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

NEEDED = (
    "setpriv",
    "slurmctld",
    "slurmd",
    "munged",
    "sbatch",
    "squeue",
    "scontrol",
    "scancel",
    "srun",
)
CLIENTS = ("sbatch", "squeue", "scontrol", "scancel", "srun", "sinfo", "sacct", "sacctmgr")
CLIENTS += ("sshare",)
#: A node that is silent for so long, in seconds, counts as dead; a busy machine must not be.
NODE_TIMEOUT = 20

CONFIG = """\
ClusterName=odyssey
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,default_queue_depth=1000
SlurmdParameters=config_overrides
SlurmdTimeout={timeout}
ReturnToService=2
JobRequeue=1
KillWait=10
MinJobAge=300
MessageTimeout=60
BatchStartTimeout=120
GresTypes=gpu
NodeName=n[1-{nodes}] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{first}-{last}] \
CPUs={cpus} RealMemory={memory} State=UNKNOWN {gres}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=00:10:00 State=UP
"""


def missing() -> str:
    """Return why no SLURM can be started here; empty if one can."""
    absent = [name for name in NEEDED if not shutil.which(name)]
    packages = "slurmctld slurmd slurm-client munge"
    return f"needs {', '.join(absent)}: apt-get install {packages}" if absent else ""


class Cluster:
    """A running SLURM; ``environment`` leads commands to it, ``cluster("squeue")`` calls one."""

    def __init__(self, folder: Path, nodes: int, cpus: int, memory: int, gpus: int) -> None:
        self.folder, self.gpus = folder, gpus
        self.nodes = [f"n{k}" for k in range(1, nodes + 1)]
        self.guests: list[subprocess.Popen[bytes]] = []  # that must not outlive it
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._frozen: list[psutil.Process] = []
        first = _free_ports(nodes + 1)
        settings = {"folder": folder, "user": getpass.getuser(), "port": first, "cpus": cpus}
        settings |= {"first": first + 1, "last": first + nodes, "nodes": nodes, "memory": memory}
        settings |= {"timeout": NODE_TIMEOUT, "gres": f"Gres=gpu:{gpus}" if gpus else ""}
        (folder / "state").mkdir()
        (folder / "slurm.conf").write_text(CONFIG.format(**settings), encoding="utf-8")
        (folder / "cgroup.conf").write_text(
            "CgroupPlugin=cgroup/v1\nIgnoreSystemd=yes\n", encoding="utf-8"
        )
        (folder / "gres.conf").write_text(_gpus(folder, gpus), encoding="utf-8")
        self.environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": f"{_clients(folder)}:{os.environ['PATH']}",
        }

    def start(self) -> None:
        """Start the daemons and wait until every node is idle; else RuntimeError."""
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        names = ("key-file=munge.key", "socket=munge.socket", "pid-file=munge.pid")
        names += ("log-file=munge.log", "seed-file=munge.seed")
        options = [option.replace("=", f"={self.folder}/") for option in names]
        self._launch("munged", "--foreground", "--force", *(f"--{option}" for option in options))
        wait_for((self.folder / "munge.socket").exists, 30, "munged")
        self._launch("slurmctld", "-D", "-i", "-c")
        for node in self.nodes:
            self.start_node(node)
        wait_for(lambda: self._states() == {"idle"}, 60, f"idle nodes, see {self.folder}/*.log")

    def stop(self) -> None:
        """End guests, jobs and daemons, each by its own process id."""
        for guest in self.guests:
            guest.kill()
            guest.wait()
        _kill(self._frozen)
        with contextlib.suppress(subprocess.SubprocessError, RuntimeError):
            self("scancel", "--user", getpass.getuser())
            wait_for(lambda: not self._steps(), 30, "the end of all jobs")
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
        for daemon in self._daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        _kill(_with_children(self._steps()))

    def __call__(self, *command: str) -> str:
        """Run one of SLURM's commands; return what it prints."""
        done = subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=True,
        )
        return done.stdout.strip()

    def start_node(self, node: str) -> None:
        """Start a node's daemon, for the first time or again."""
        (self.folder / f"spool-{node}").mkdir(exist_ok=True)
        self._launch("slurmd", "-D", "-N", node, name=node)

    def freeze_node(self, node: str) -> list[psutil.Process]:
        """Let a node vanish: its daemon is dead, its jobs' processes stand still; return these."""
        self._daemons[node].kill()
        self._daemons[node].wait()
        frozen = _with_children(self._steps(node))
        for process in frozen:
            process.suspend()
        self._frozen += frozen
        return frozen

    @contextlib.contextmanager
    def instead(self, command: str, script: str) -> Iterator[Path]:
        """Let a shell script run before one of SLURM's commands, or instead if it exits.

        ``$found`` is the real command. Yield the script; whoever removes it ends it earlier.
        """
        path = self.folder / f"{command}.sh"
        draft = path.with_suffix(".draft")
        draft.write_text(script, encoding="utf-8")
        draft.rename(path)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def node_of(self, job: str) -> str:
        """Return where a job runs; empty while it waits."""
        return self("squeue", "-h", "-j", job, "-o", "%N")

    def processes(self, job: str) -> list[psutil.Process]:
        """Return all living processes of a job, outermost first."""
        found = []
        for step in self._steps():
            with contextlib.suppress(psutil.Error):  # it may end at any time
                if f"[{job}." in " ".join(step.cmdline()):
                    found += step.children(recursive=True)
        return found

    def _steps(self, node: str = "*") -> list[psutil.Process]:
        """Return the processes that watch over job steps; they hold their node's log open."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() != "slurmstepd":
                    continue
                logs = [Path(file.path) for file in process.open_files()]
                if any(log.match(f"{self.folder}/{node}.log") for log in logs):
                    found.append(process)
        return found

    def _states(self) -> set[str]:
        with contextlib.suppress(subprocess.SubprocessError):
            return set(self("sinfo", "-h", "-N", "-o", "%t").split())
        return set()

    def _launch(self, *command: str, name: str = "") -> None:
        name = name or command[0]
        with (self.folder / f"{name}.out").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],  # nor do they outlive a killed test
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )


@contextlib.contextmanager
def running_cluster(
    nodes: int = 3, cpus: int = 2, memory: int = 8000, gpus: int = 0
) -> Iterator[Cluster]:
    """Run a cluster of ``nodes`` with ``cpus`` cores and ``memory`` MiB each."""
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        cluster = Cluster(Path(folder), nodes, cpus, memory, gpus)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def wait_for(condition: Callable[[], T], seconds: float, what: str) -> T:
    """Wait until the condition holds and return what it gives; RuntimeError if not in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.1)
    return found


def _with_children(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [process, *process.children(recursive=True)]
    return found


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _clients(folder: Path) -> Path:
    """Make commands that know this cluster, are counted in ``calls`` and obey ``instead``.

    A job step strips SLURM_CONF from the environment before it calls srun.
    """
    (folder / "bin").mkdir()
    for name in CLIENTS:
        if found := shutil.which(name):
            path = folder / "bin" / name
            here = shlex.quote(str(folder))
            lines = ["#!/bin/sh", f"echo {name} >> {here}/calls"]
            lines += [f"export SLURM_CONF={here}/slurm.conf", f"found={shlex.quote(found)}"]
            lines += [f"[ -f {here}/{name}.sh ] && . {here}/{name}.sh", 'exec "$found" "$@"']
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            path.chmod(0o755)
    return folder / "bin"


def _gpus(folder: Path, number: int) -> str:
    """Make character devices that stand in for GPUs, and the lines that declare them."""
    if not number:
        return ""
    for k in range(number):
        os.mknod(folder / f"gpu{k}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))  # as /dev/null is
    return f"Name=gpu Flags=nvidia_gpu_env File={folder}/gpu[0-{number - 1}]\n"


def _free_ports(number: int) -> int:
    """Return the first of some neighbouring ports that nobody listens on."""
    for _ in range(100):
        first = random.SystemRandom().randrange(20000, 32000)  # below the ephemeral ports
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + number):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise RuntimeError("found no free ports on loopback")


if __name__ == "__main__":
    with running_cluster() as running:
        path = shlex.quote(running.environment["PATH"].partition(":")[0])
        print(f"export PATH={path}:$PATH", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 3600)
