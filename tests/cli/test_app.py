import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import pytest

from tests.cli import call, command, process
from visavis._version import __version__
from visavis.cli import common, keys, main
from visavis.cli.app import app
from visavis.decision import DEFAULT_POLICY, POLICIES
from visavis.face import FaceDetector
from visavis.template import KEY_KINDS
from visavis.weights import ENGINES

COMMANDS = (
    "verify", "capture", "document", "batch", "init", "enrol", "claim", "credential", "subject", "keys", "trust", "audit",
    "evidence", "serve", "api-key", "migrate", "evaluate", "calibrate", "models", "doctor", "demo",
)  # fmt: skip
GROUPS = {name: group for name, group in app.commands.items() if isinstance(group, click.Group)}

needs_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")


def raising(error: BaseException) -> Any:
    def raises(*_: object, **__: object) -> NoReturn:
        raise error

    return raises


@pytest.fixture
def pair(photos: Path) -> tuple[str, str]:
    return str(photos / "P001-portrait.jpg"), str(photos / "P001-casual.jpg")


class TestHelp:
    def test_the_version(self) -> None:
        assert call("--version") == process("--version")
        assert call("--version").out == f"visavis, version {__version__}\n"

    @pytest.mark.parametrize("flag", ["-h", "--help"])
    def test_the_program_lists_its_commands_and_exit_codes(self, flag: str) -> None:
        answer = call(flag)
        assert answer.code == 0
        for word in (*COMMANDS, "0 match", "1 no match", "2 inconclusive", "3 fault"):
            assert word in answer.out

    def test_there_are_no_other_commands(self) -> None:
        assert set(app.commands) == set(COMMANDS)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_each_command_explains_itself_and_its_exit_codes(self, name: str) -> None:
        answer = call(name, "--help")
        assert answer.code == 0
        assert answer.out.startswith(f"Usage: visavis {name}")
        assert "xit code" in answer.out
        assert "3" in answer.out
        for parameter in app.commands[name].params:
            if isinstance(parameter, click.Option):
                assert parameter.help, parameter.name

    @pytest.mark.parametrize(("group", "name"), [(group, name) for group in GROUPS for name in GROUPS[group].commands])
    def test_so_does_each_command_of_a_group(self, group: str, name: str) -> None:
        answer = call(group, name, "--help")
        assert answer.code == 0
        assert answer.out.startswith(f"Usage: visavis {group} {name}")
        for parameter in GROUPS[group].commands[name].params:
            if isinstance(parameter, click.Option):
                assert parameter.help, parameter.name

    def test_choices_are_those_that_exist(self) -> None:
        """They stand twice, since the names behind them live beside imports that take a second."""
        assert common.ENGINES == ENGINES
        assert tuple(POLICIES) == common.POLICIES
        assert keys.KINDS == KEY_KINDS
        default = next(option for option in app.commands["verify"].params if option.name == "policy").default
        assert default == DEFAULT_POLICY

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--help"],
            ["verify", "--help"],
            ["enrol", "--help"],
            ["evaluate", "--help"],
            ["--version"],
            ["verify", "--nope"],
        ],
    )
    def test_help_is_quick_because_nothing_large_is_imported(self, arguments: list[str]) -> None:
        code = (
            "import sys; from visavis.cli import run; run(sys.argv[1:]); "
            "heavy = {'numpy', 'cv2', 'openvino', 'PIL', 'onnx', 'rich', 'matplotlib', 'pyarrow', 'sqlalchemy', 'cryptography'} "
            "& set(sys.modules); "
            "sys.exit(f'imported {heavy}' if heavy else 0)"
        )
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


class TestWrongUse:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "Commands:"),
            (["recognise"], "No such command"),
            (["--nope"], "No such option"),
            (["verify"], "Missing argument 'REFERENCE'"),
            (["verify", "a.jpg"], "Missing argument 'PROBE'"),
            (["verify", "a.jpg", "b.jpg", "c.jpg"], "unexpected extra argument"),
            (["verify", "a.jpg", "b.jpg", "--nope"], "No such option"),
            (["verify", "a.jpg", "b.jpg", "--policy", "1e-9"], "'1e-9' is not one of '1e-3', '1e-4', '1e-5', '1e-6'"),
            (["verify", "a.jpg", "b.jpg", "--policy"], "requires an argument"),
            (["verify", "a.jpg", "b.jpg", "--engine", "abacus"], "'abacus' is not one of"),
            (["verify", "a.jpg", "b.jpg", "--threads", "0"], "is not in the range"),
            (["verify", "a.jpg", "b.jpg", "--threads", "many"], "is not a valid integer"),
            (["batch", "pairs.csv"], "Missing option '--out'"),
            (["models", "sface"], "unexpected extra argument"),
        ],
    )
    def test_is_three_and_never_an_outcome(self, arguments: list[str], said: str) -> None:
        assert said in call(*arguments).wrong_use

    def test_as_a_process_too(self) -> None:
        assert process().code == process("verify").code == process("verify", "--nope").code == 3

    @pytest.mark.parametrize(
        ("name", "value"), [("THREADS", "many"), ("ENGINE", "abacus"), ("MODEL", "~nobody-of-this-name/m.toml")]
    )
    def test_settings_without_a_meaning(
        self, name: str, value: str, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(f"VISAVIS_{name}", value)
        line = call("verify", *pair).fault
        assert f"VISAVIS_{name}" in line
        assert line.endswith("[input_invalid]")


class TestFaults:
    """Whatever happens, the user reads one line, and a script never takes it for an outcome."""

    def test_what_nobody_foresaw(self, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FaceDetector, "detect", raising(RuntimeError("deep\n  down")))
        answer = call("verify", *pair)
        assert answer.fault == (
            "visavis: RuntimeError: deep down; this is a bug in visavis, please report it [unforeseen]"
        )
        assert answer.out == ""

    def test_what_the_machine_does_is_no_bug(self, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FaceDetector, "detect", raising(OSError(errno.EIO, "disk is broken")))
        line = call("verify", *pair).fault
        assert "disk is broken [system]" in line
        assert "bug" not in line

    def test_an_interruption(self, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(FaceDetector, "detect", raising(KeyboardInterrupt()))
        answer = call("verify", *pair)
        assert answer.code == 3
        assert answer.err.strip() == "visavis: stopped before it was done [interrupted]"

    @pytest.mark.parametrize("code", [0, 1, 2])
    def test_an_exit_from_within(self, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(app, "main", raising(SystemExit(code)))
        assert call("models").code == 3
        monkeypatch.setattr(app, "main", raising(click.exceptions.Exit(code)))
        assert call("models").code == (3 if code else 0)


class TestMain:
    """The program, where it ends."""

    @pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["verify"], 3)])
    def test_its_code_is_that_of_the_command(
        self, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["visavis", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == code
        assert (capsys.readouterr().out != "") == (code == 0)

    @needs_full_disk
    def test_a_full_disk(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["visavis", "--version"])
        with Path("/dev/full").open("w") as full:
            monkeypatch.setattr(sys, "stdout", full)
            with pytest.raises(SystemExit) as end:
                main()
        assert end.value.code == 3
        err = capsys.readouterr().err
        assert "No space left on device [system]" in err
        assert len(err.splitlines()) == 1

    @needs_full_disk
    def test_a_full_disk_under_a_process(self, pair: tuple[str, str]) -> None:
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(command("verify", *pair), stdout=full, stderr=subprocess.PIPE, check=False)
            silent = subprocess.run(command("verify", "absent.jpg", pair[1]), stdout=full, stderr=full, check=False)
        assert (done.returncode, silent.returncode) == (3, 3)
        assert b"No space left on device" in done.stderr
        assert b"Traceback" not in done.stderr

    @pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["doctor"], ["--help"], ["verify"]])
    def test_when_nobody_reads_on(self, arguments: list[str], pair: tuple[str, str]) -> None:
        """`visavis … | true`: 3 and silence, for 1 would say that two people differ."""
        given = [*arguments, *pair] if arguments == ["verify"] else arguments
        read, write = os.pipe()
        os.close(read)
        try:
            done = subprocess.run(command(*given), stdout=write, stderr=subprocess.PIPE, check=False)
        finally:
            os.close(write)
        assert done.returncode == 3
        assert done.stderr == b""

    def test_when_nobody_reads_the_errors_either(self) -> None:
        read, write = os.pipe()
        os.close(read)
        try:
            for arguments in (["verify"], ["verify", "absent.jpg", "absent.jpg"]):
                assert subprocess.run(command(*arguments), stdout=write, stderr=write, check=False).returncode == 3
        finally:
            os.close(write)

    def test_a_terminal_with_a_narrow_encoding(self, pair: tuple[str, str]) -> None:
        narrow = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
        for arguments in (["verify", *pair], ["models"], ["models", "--json"]):
            answer = process(*arguments, environment=narrow)
            assert answer.code == 0, answer.err
            assert answer.out.isascii()
        assert re.search(r"112 \\xd7 112 px", process("models", environment=narrow).out)


def test_nothing_that_is_printed_steers_the_terminal(tmp_path: Path) -> None:
    answer = call("verify", "\x1b[2J\x1b]0;title\x07.jpg", "b.jpg")
    assert "\x1b" not in answer.err + answer.out
    assert "\\x1b[2J" in answer.fault
