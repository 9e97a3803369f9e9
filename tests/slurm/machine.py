"""A Slurm of one machine for tests: own controller, node and munge, on free ports, in a folder, without accounting."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import driving

NEEDED = ("slurmctld", "slurmd", "munged", "sbatch", "squeue")
CPUS = 20
"""More than there are: the tasks of a test mostly sleep."""

CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SlurmdParameters=config_overrides
MpiDefault=none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
KillWait=5
MinJobAge=10
MaxArraySize=101
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=60 State=UP
PartitionName=urgent Nodes={host} MaxTime=60 PriorityTier=10 State=UP
PartitionName=short Nodes={host} MaxTime=1 State=UP
"""


class Machine:
    """Starts with `start`, ends with `stop`, and is found by `variables`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self.configuration = folder / "slurm.conf"

    @property
    def variables(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.configuration)}

    def start(self) -> None:
        for name in ("state", "spool"):
            (self._folder / name).mkdir()
        host = socket.gethostname().split(".")[0]
        self.configuration.write_text(
            CONFIGURATION.format(
                host=host,
                user=getpass.getuser(),
                controller_port=free_port(),
                node_port=free_port(),
                folder=self._folder,
                cpus=CPUS,
            )
        )
        self._start_munge()
        self._run("slurmctld", "-D", "-f", str(self.configuration))
        self._run("slurmd", "-D", "-f", str(self.configuration), "-N", host)
        driving.wait_for(lambda: "idle" in self.ask("sinfo", "-h", "-o", "%T"))

    def stop(self) -> None:
        self.ask("scancel", "--user", getpass.getuser())
        for process in reversed(self._running):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        environment = {**os.environ, **self.variables}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60).stdout

    def states(self) -> dict[str, str]:
        """The state of each task that has not ended, by `job_index`."""
        rows = (line.split() for line in self.ask("squeue", "-h", "-r", "-o", "%i %T").splitlines())
        return {row[0]: row[1] for row in rows}

    def _start_munge(self) -> None:
        key = self._folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        names = {
            "socket": "munge.socket",
            "pid-file": "munged.pid",
            "log-file": "munged.log",
            "seed-file": "munge.seed",
        }
        options = [f"--{option}={self._folder / name}" for option, name in names.items()]
        self._run("munged", "--foreground", "--force", f"--key-file={key}", *options)
        driving.wait_for((self._folder / "munge.socket").exists)

    def _run(self, name: str, *arguments: str) -> None:
        path = found(name)
        assert path is not None
        with (self._folder / f"{name}.printed").open("wb") as printed:
            self._running.append(
                subprocess.Popen([path, *arguments], stdout=printed, stderr=printed, start_new_session=True)
            )


def found(name: str) -> str | None:
    """The path of a program, which may be one for administrators."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Machine]:
    """A Slurm that this process and what it starts find, as long as it lasts; a skip where there is none to start."""
    missing = [name for name in NEEDED if found(name) is None]
    if missing:
        pytest.skip(f"There is no {', '.join(missing)}: apt-get install --no-install-recommends slurm-wlm munge")
    machine = Machine(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in machine.variables.items():
            patch.setenv(name, value)
        try:
            machine.start()
            yield machine
        finally:
            machine.stop()
