"""Tries the Containerfile: builds it, makes an installation, serves it, asks whether it is well, and stops it.

    python scripts/container.py

With podman or docker the image is built and run, its root read-only, without capabilities, on volumes that it removes.
Where neither answers, the steps of the Containerfile are carried out in a temporary folder: each path in them begins there, a new
virtual environment stands for the base image's Python, and its user, who takes root to be, has no name. That tries the steps, the
environment and the permissions; it does not try the base image.
"""

# ruff: noqa: S603 - what is run is written here and in the Containerfile
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VOLUMES = ("/var/lib/visavis", "/var/lib/visavis-keys", "/var/lib/visavis-shreds", "/var/cache/visavis")
_ANSWER_S, _STOP_S = 120, 45
_ABSOLUTE = re.compile(r"""(?<![^\s"'=:])/(?=\w)""")
"""The slash at which an absolute path begins."""


@dataclass
class Stage:
    """What follows a FROM. steps: instruction and argument, in their order."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """The argument of the last of these instructions; '' where there is none."""
        return next((argument for each, argument in reversed(self.steps) if each == instruction), "")


def parse(text: str) -> list[Stage]:
    """The stages of a Containerfile. Raises ValueError for what comes before the first FROM."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for step in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        instruction, _, argument = step.strip().partition(" ")
        if instruction.upper() == "FROM":
            base, _, name = argument.partition(" AS ")
            stages.append(Stage(base.strip(), name.strip()))
        elif not stages:
            raise ValueError(f"expected FROM, not {instruction}")
        else:
            stages[-1].steps.append((instruction.upper(), argument.strip()))
    return stages


def assignments(argument: str) -> dict[str, str]:
    """The variables of an ENV."""
    return dict(part.split("=", 1) for part in argument.split())


# --- without an engine ----------------------------------------------------------------------------------------------


class Folder:
    """The steps carried out below a folder, and what comes of them run there.

    Both stages have the same root, one after the other, since a virtual environment cannot be moved.
    """

    def __init__(self, folder: Path) -> None:
        self.root, self._folder = folder / "root", folder
        self._user: int | None = None
        self._variables: dict[str, str] = {}
        self._stage = Stage("", "")
        self._log = (folder / "log").open("w+")

    def build(self, stages: Sequence[Stage]) -> None:
        """Carry out all stages; the last is what runs."""
        version = stages[-1].base.partition(":")[2].partition("-")[0]
        uid = int(stages[-1].last("USER").partition(":")[0])
        self._user = uid if os.getuid() == 0 else None
        python = self._python(version)
        print(f"  {python}, run as {f'user {uid}' if self._user else 'whoever runs this'}")
        subprocess.run([python, "-m", "venv", self._folder / "base"], check=True)
        self._leave_out("groupadd", "useradd", *(() if self._user else ("chown",)))
        for stage in stages:
            self._stage, here = stage, "/"
            self._variables = {"PATH": f"{self._folder}/base/bin:{self._folder}/left-out:/usr/bin:/bin"}
            self.root.mkdir()
            for instruction, argument in stage.steps:
                if instruction == "WORKDIR":
                    here = argument
                    self._at(here).mkdir(parents=True, exist_ok=True)
                elif instruction == "COPY":
                    self._copy(argument, here)
                elif instruction == "ENV":
                    self._variables |= {
                        name: re.sub(r"\$(\w+)", lambda found: self._variables[found[1]], self._moved(value))
                        for name, value in assignments(argument).items()
                    }
                elif instruction == "RUN":
                    print(f"  {argument}")
                    environment = {
                        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL", "VISAVIS"))
                    }
                    subprocess.run(
                        ["/bin/sh", "-ec", self._moved(argument)],
                        cwd=self._at(here),
                        env=environment | self._variables,
                        check=True,
                    )
            if stage is not stages[-1]:
                self.root.rename(self._folder / stage.name)

    def run(self, *arguments: str) -> str:
        """Run the entry point with these arguments; what it prints."""
        command = [*json.loads(self._stage.last("ENTRYPOINT")), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, **self._as_its_user())
        return str(done.stdout)

    @contextmanager
    def serving(self) -> Iterator[int]:
        """The command of the image, on a free port of the loopback; then it is stopped. Raises RuntimeError."""
        port = free_port()
        command = [*json.loads(self._stage.last("ENTRYPOINT")), *json.loads(self._stage.last("CMD"))]
        command = ["127.0.0.1" if part == "0.0.0.0" else part for part in command]  # noqa: S104
        process = subprocess.Popen(
            [*command, "--port", str(port)], stderr=self._log, stdin=subprocess.DEVNULL, **self._as_its_user()
        )
        try:
            yield port
            test = json.loads(self._stage.last("HEALTHCHECK").partition("CMD ")[2])
            subprocess.run([part.replace("8000", str(port)) for part in test], check=True, **self._as_its_user())
            print("  the image's own HEALTHCHECK passes")
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(_STOP_S)
        self._log.seek(0)
        told = self._log.read()
        if status != 0 or "Finished server process" not in told:
            raise RuntimeError(f"stopped with SIGTERM, it ended with status {status}:\n{told}")
        print(f"  stopped with SIGTERM, all requests done: status {status}")

    def _python(self, version: str) -> str:
        """A Python of this version that the image's user may run, where there is one."""
        places = [shutil.which(f"python{version}"), f"/usr/bin/python{version}", sys.executable]
        found = [place for place in places if place and Path(place).exists()]
        for place in found:
            told = "import sys; print('%d.%d' % sys.version_info[:2])"
            try:
                answer = subprocess.run(
                    [place, "-c", told], capture_output=True, text=True, check=False, cwd="/", **self._identity()
                )
            except PermissionError:
                continue
            if answer.stdout.strip() == version:
                return place
        self._user = None
        print(f"  there is no Python {version} that the image's user may run", file=sys.stderr)
        return found[0]

    def _leave_out(self, *programs: str) -> None:
        folder = self._folder / "left-out"
        folder.mkdir()
        for program in programs:
            (folder / program).symlink_to("/bin/true")

    def _copy(self, argument: str, here: str) -> None:
        *sources, target = argument.split()
        stage = sources.pop(0).removeprefix("--from=") if sources[0].startswith("--from=") else None
        to = self._at(target if target.startswith("/") else f"{here}/{target}")
        for source in sources:
            origin = self._folder / stage / source.lstrip("/") if stage else ROOT / source
            if origin.is_dir():
                shutil.copytree(origin, to, symlinks=True, ignore=shutil.ignore_patterns() if stage else _UNWANTED)
            else:
                shutil.copy(origin, to)

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def _moved(self, text: str) -> str:
        return _ABSOLUTE.sub(lambda _: f"{self.root}/", text)

    def _identity(self) -> dict[str, Any]:
        return {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}

    def _as_its_user(self) -> dict[str, Any]:
        return {"env": self._variables, "cwd": self.root, **self._identity()}


_UNWANTED = shutil.ignore_patterns("__pycache__")


# --- with one -------------------------------------------------------------------------------------------------------


class Engine:
    """podman or docker."""

    def __init__(self, program: str) -> None:
        self._program, self._mark = program, f"visavis-trial-{secrets.token_hex(4)}"
        hardening = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp")
        self._options = [*hardening, *(f"--volume={name}:{path}" for path, name in self._volumes().items())]

    @classmethod
    def found(cls) -> "Engine | None":
        """One that answers: a client without its daemon does not."""
        for program in ("podman", "docker"):
            if (
                shutil.which(program)
                and not subprocess.run([program, "info"], capture_output=True, check=False).returncode
            ):
                return cls(program)
        return None

    def build(self, stages: Sequence[Stage]) -> None:  # noqa: ARG002 - it reads them itself
        """Build the image."""
        as_docker = ["--format=docker"] if self._program == "podman" else []  # the other format has no HEALTHCHECK
        self._call("build", *as_docker, "--file=Containerfile", f"--tag={self._mark}", ".")

    def run(self, *arguments: str) -> str:
        """Run the image with these arguments; what it prints."""
        return self._call("run", "--rm", *self._options, self._mark, *arguments)

    @contextmanager
    def serving(self) -> Iterator[int]:
        """The image as it is, with its port on a free one of the loopback; then it is stopped. Raises RuntimeError."""
        port, name = free_port(), self._mark
        self._call("run", "--detach", f"--name={name}", f"--publish=127.0.0.1:{port}:8000", *self._options, self._mark)
        try:
            yield port
            self._call("stop", "-t", str(_STOP_S), name)
            status = self._call("inspect", "--format={{.State.ExitCode}}", name).strip()
            if status != "0":
                raise RuntimeError(f"stopped with SIGTERM, it ended with status {status}:\n{self._call('logs', name)}")
            print("  stopped with SIGTERM: status 0")
        finally:
            self._call("rm", "--force", name)

    def clear(self) -> None:
        """Remove volumes and image, as far as they came to be."""
        for arguments in (("volume", "rm", "--force", *self._volumes().values()), ("rmi", "--force", self._mark)):
            subprocess.run([self._program, *arguments], capture_output=True, check=False)

    def _volumes(self) -> Mapping[str, str]:
        return {path: f"{self._mark}{path.replace('/', '-')}" for path in VOLUMES}

    def _call(self, *arguments: str) -> str:
        done = subprocess.run([self._program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout


# --- the trial ------------------------------------------------------------------------------------------------------


def free_port() -> int:
    """A port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(port: int, path: str) -> None:
    """Ask until it answers 200. Raises RuntimeError when it does not within two minutes."""
    started = time.monotonic()
    while time.monotonic() - started < _ANSWER_S:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                print(f"  {path} answers 200 after {time.monotonic() - started:.1f} s")
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    raise RuntimeError(f"{path} does not answer 200 within {_ANSWER_S} s")


def attempt(place: Folder | Engine) -> None:
    """The whole trial."""
    print("building")
    place.build(parse((ROOT / "Containerfile").read_text(encoding="utf-8")))
    print("visavis init")
    made = json.loads(place.run("init", "--json"))
    print("".join(f"  {name}: {where}\n" for name, where in made.items() if name != "api_key"), end="")
    print("visavis serve")
    with place.serving() as port:
        ask(port, "/livez")
        ask(port, "/readyz")


def main() -> int:
    """0 when the image does what it should."""
    engine = Engine.found()
    if engine is not None:
        try:
            attempt(engine)
        finally:
            engine.clear()
    else:
        print("no engine for containers answers; the steps are carried out in a temporary folder")
        with tempfile.TemporaryDirectory(prefix="visavis-container-") as name:
            Path(name).chmod(0o711)
            attempt(Folder(Path(name)))
    print("the image does what it should" if engine else "the steps do what they should; the base image was not tried")
    return 0


if __name__ == "__main__":
    sys.exit(main())
