"""The command line where it meets a shell: streams that are closed or full, terminals, plugins, other networks."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import ESCAPE, good, process, refused, run


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proof, no colours and no width from the machine that runs the tests."""
    monkeypatch.setenv("CONVCALC_CONFIRM", "0")
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "CONVCALC_DEBUG"):
        monkeypatch.delenv(name, raising=False)


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `convcalc` is this one."""
    return subprocess.run(
        ["bash", "-c", f'convcalc() {{ "{sys.executable}" -m convcalc "$@"; }}; {line}'],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
    )


COMMAND_LINES = ["params 3x3", "summary resnet18 --format json", "blocks", "--help", "--version", "schema"]


@pytest.mark.skipif(os.name == "nt", reason="streams as on Unix")
class TestStreams:
    @pytest.mark.parametrize("line", COMMAND_LINES)
    @pytest.mark.parametrize("stdout", [">&-", ">/dev/full"])
    def test_nowhere_to_answer(self, line: str, stdout: str) -> None:
        done = shell(f"convcalc {line} {stdout}")
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith("error: stdout ")

    @pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
    @pytest.mark.parametrize(("line", "code"), [("params 3x3", 0), ("params 3x3q", 2)])
    def test_nowhere_to_complain(self, line: str, code: int, stderr: str) -> None:
        assert shell(f"convcalc {line} {stderr}").returncode == code

    @pytest.mark.parametrize("line", ["params '3x3*20000'", "params '3x3*2000' --format json", "blocks", "compare 1 3"])
    def test_a_reader_that_has_seen_enough(self, line: str) -> None:
        done = shell(f"set -o pipefail; convcalc {line} | head -1")
        assert done.returncode in (0, 141)
        assert done.stderr == ""
        assert len(done.stdout.splitlines()) == 1

    @pytest.mark.parametrize("line", ["schema", "--help", "completion bash", "blocks resnet50", "params resnet50"])
    def test_a_reader_that_wants_nothing(self, line: str) -> None:
        """Written while nobody reads any more, as `sleep` makes sure; pipes hold 64 kB, so little fails at the end."""
        done = shell(f"set -o pipefail; (sleep 1; convcalc {line}) | true")
        assert done.returncode in (0, 141)
        assert done.stderr == ""

    def test_a_current_folder_that_is_gone(self) -> None:
        gone = 'cd "$(mktemp -d)"; rmdir "$PWD"; '
        assert shell(f"{gone} convcalc params 3x3").returncode == 0
        done = shell(f"{gone} convcalc check --format json")
        assert done.returncode == 2
        assert "the current folder is gone" in json.loads(done.stdout)["error"]["message"]

    @pytest.mark.parametrize("kilobytes", [50_000, 70_000])
    def test_not_enough_memory(self, kilobytes: int) -> None:
        done = shell(f"ulimit -v {kilobytes}; convcalc params '3x3*90000' --format json")
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["message"] == "there is not enough memory for this"
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("ending", ["SystemExit(0)", "OSError('broken')", "AttributeError('x')", "KeyError('x')"])
    def test_a_torch_that_does_not_load(self, ending: str, tmp_path: Path) -> None:
        for module in ("torch", "fvcore"):
            (tmp_path / f"{module}.py").write_text(f"raise {ending}\n")
        path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
        done = shell("unset CONVCALC_CONFIRM; convcalc params 3x3", PYTHONPATH=path)
        assert done.returncode == 0, done.stderr
        assert "not confirmed: torch does not load: " in done.stdout
        done = shell("unset CONVCALC_CONFIRM; convcalc params 3x3 --confirm --format json", PYTHONPATH=path)
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["kind"] == "confirm"
        assert "Traceback" not in done.stderr

    def test_a_device_that_articles_cannot_have(self) -> None:
        pytest.importorskip("torch")
        done = shell("convcalc articles kernels/rf-7x7 --confirm --device cuda:99 --format json")
        assert done.returncode == 2
        import torch

        if not torch.cuda.is_available():
            done = shell("convcalc articles kernels/rf-7x7 --confirm --device cuda --format json")
            assert done.returncode == 2
            assert json.loads(done.stdout)["error"]["kind"] == "confirm"

    def test_errors_are_data(self) -> None:
        done = shell(r"convcalc params $'3x3\x1b[31m'; convcalc params 3x3 --plugin $'\n::error::x'")
        assert ESCAPE not in done.stderr
        assert not any(line.lstrip().startswith("::") for line in done.stderr.splitlines())

    @pytest.mark.parametrize("amount", ["nan", "inf", "1e10", "0", "-1", "x"])
    @pytest.mark.parametrize(
        "command", ["params torch.nn:ReLU", "check", "init torch.nn:ReLU", "compare torch.nn:ReLU"]
    )
    def test_no_time_and_no_memory(self, command: str, amount: str) -> None:
        assert "is not a number of seconds" in refused(f"{command} --timeout {amount}")
        assert "is not a number of GB" in refused(f"{command} --memory {amount}")


@pytest.mark.skipif(os.name == "nt", reason="terminals as on Unix")
class TestOnATerminal:
    """What a pseudo-terminal shows."""

    def shown(self, line: str, columns: int = 100, **environment: str) -> str:
        import fcntl
        import pty
        import struct
        import termios

        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        with subprocess.Popen(
            [sys.executable, "-m", "convcalc", *shlex.split(line)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "PYTHONIOENCODING": "utf-8",
                "TERM": "xterm-256color",
                **environment,
            },
        ) as child:
            os.close(theirs)
            written = b""
            with contextlib.suppress(OSError):  # how Linux says that the other side is closed
                while piece := os.read(ours, 65536):
                    written += piece
            os.close(ours)
            child.wait(60)
        return written.decode().replace("\r\n", "\n")

    def test_a_long_table_folds(self) -> None:
        text = self.shown("summary resnet18")
        assert "20 of 69 layers, the largest by MACs: --all shows every layer" in text
        assert "49 others" in text
        assert "layer1.0.bn2" in self.shown("summary resnet18 --all")
        assert "others" not in good("summary resnet18")

    @pytest.mark.parametrize("columns", [60, 80, 160])
    @pytest.mark.parametrize("line", ["summary resnet18", "compare resnet18 resnet34", "params resnet50 --tree"])
    def test_lines_fit(self, line: str, columns: int) -> None:
        text = re.sub(r"\x1b\[[0-9;]*m", "", self.shown(line, columns))
        assert max(map(len, text.splitlines())) <= columns
        assert "─" in text

    def test_errors_in_colour(self) -> None:
        assert "\x1b[31m\x1b[1merror:\x1b[0m" in self.shown("params 3x3q")
        assert ESCAPE not in self.shown("params 3x3q", NO_COLOR="1")

    def test_a_tree(self) -> None:
        assert "└── 1" in self.shown("summary resnet18 --tree --depth 2")


class TestAnotherNetwork:
    """An input that would quietly make another network of an entry."""

    @pytest.mark.parametrize(
        ("spec", "input", "hint"),
        [
            ("resnet18", "1x3x64x64", "leave out the batch: 3x64x64"),
            ("resnet18", "8x64x64x3", "leave out the batch: 3x64x64"),
            ("mobilenet_v2", "160x160", "channels come first: 3x160x160"),
            ("resnet50", "224x224x3", "channels come first: 3x224x224"),
            ("vgg11", "1x224x224", "give 3 channels and 2 sizes, as in 3x224x224"),
            ("resnet-block", "64x56x56", "give 256 channels"),
        ],
    )
    @pytest.mark.parametrize("command", ["params", "flops", "rf", "summary", "blocks"])
    def test_is_refused_with_what_was_meant(self, command: str, spec: str, input: str, hint: str) -> None:
        message = refused(f"{command} {spec} --input {input}")
        assert hint in message
        assert "--any-input" in message

    def test_in_a_comparison(self) -> None:
        assert "channels come first" in refused("compare 3x3 resnet18 --input 224x224x3")

    def test_and_allowed(self) -> None:
        """1 channel in place of 3: two thirds of the stem's 3*7*7*64 weights fewer."""
        params = json.loads(good("params resnet18 --input 1x224x224 --any-input --format json"))["params"]
        assert params == 11_689_512 - 2 * 7 * 7 * 64

    def test_other_sizes_are_the_same_network(self) -> None:
        assert "11,689,512" in good("params resnet18 --input 3x160x192")

    def test_a_text_is_free_and_a_batch_is_remarked_on(self) -> None:
        assert "if the 1 is a batch, leave it out: 3x64x64" in good("params 3 --input 1x3x64x64")
        assert "batch" not in good("params 3 --input 2x3x64x64")
        assert "batch" not in good("params 3 --input 1x64x64")


class TestColumns:
    def test_by_name(self) -> None:
        """ResNet-18's last four convolutions have 9*512*512 weights, three of them over 7x7."""
        assert good("params resnet18 --columns layer,params,macs --sort params --top 2 --format csv").splitlines() == [
            "layer,params,MACs",
            f"layer4.0.conv2,{9 * 512 * 512},{9 * 512 * 512 * 49}",
            f"layer4.1.conv1,{9 * 512 * 512},{9 * 512 * 512 * 49}",
        ]

    @pytest.mark.parametrize("command", ["params", "flops", "rf", "summary", "compare 3x3"])
    @pytest.mark.parametrize("format", ["table", "json"])
    @pytest.mark.parametrize("option", ["--columns layer,parms", "--sort parms"])
    def test_an_unknown_one(self, command: str, format: str, option: str) -> None:
        result = run(f"{command} 3x3 {option} --format {format}")
        assert result.exit_code == 2
        assert "no column is called 'parms'" in result.stderr
        assert "did you mean params" in result.stderr

    @pytest.mark.parametrize("command", ["params", "flops", "rf", "summary"])
    def test_totals_only(self, command: str) -> None:
        assert len(good(f"{command} 3x3,3x3 --total --format csv").splitlines()) == 2

    def test_nothing_between_two_commas(self) -> None:
        assert "names nothing between two commas" in refused("params 3x3 --columns layer,,params")


PLUGIN = '''
import convcalc
from fractions import Fraction

@convcalc.metric("reuse", title="MACs per parameter", unit="ratio")
def reuse(network):
    return Fraction(network.macs, network.params)

@convcalc.block("mine", source="a test", input="8x9x9")
def mine(x, channels: int = 8):
    """One layer."""
    from convcalc.catalogue.layers import conv
    return conv(x, channels, 3)
'''


class TestPlugins:
    def test_its_metric_and_block(self, tmp_path: Path) -> None:
        """A 3x3 that keeps a 9x9 map uses each parameter 81 times."""
        (tmp_path / "mycosts.py").write_text(PLUGIN)
        own = ("--plugin", "mycosts", "--python-path", str(tmp_path))
        done = process("summary", "mine", *own, "--columns", "layer,reuse", "--total", "--format", "csv")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == ["network,MACs per parameter", "mine,81"]
        assert json.loads(process("params", "mine", *own, "--format", "json").stdout)["metrics"]["reuse"] == 81
        assert "MACs per parameter" in process("compare", "mine", "3x3c8", "--input", "8x9x9", *own).stdout
        assert "mine" in process("blocks", *own).stdout

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("return {}['x']", "the metric own fails: KeyError: 'x'"),
            ("return 'many'", "the metric own is a str"),
            ("return network.nosuch", "the metric own fails: AttributeError"),
            ("raise SystemExit(0)", "code that was imported ends the process with 0"),
        ],
    )
    def test_a_metric_that_fails(self, body: str, message: str, tmp_path: Path) -> None:
        (tmp_path / "failing.py").write_text(
            f"import convcalc\n@convcalc.metric('own', title='own', unit='ratio')\ndef own(network):\n    {body}\n"
        )
        own = ("--plugin", "failing", "--python-path", str(tmp_path))
        done = process("params", "3x3", *own, "--format", "json")
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["message"].startswith(message)

    def test_a_metric_that_has_no_number(self, tmp_path: Path) -> None:
        (tmp_path / "mycosts.py").write_text(PLUGIN)
        own = ("--plugin", "mycosts", "--python-path", str(tmp_path))
        assert "reuse" not in json.loads(process("params", "relu", *own, "--format", "json").stdout)["metrics"]
        assert process("params", "relu", *own, "--columns", "layer,reuse").returncode == 0

    @pytest.mark.parametrize("command", ["params", "flops", "rf", "summary", "compare", "spec", "blocks"])
    def test_one_that_is_not_there(self, command: str) -> None:
        assert "the plugin nosuch_plugin cannot be imported" in refused(f"{command} 3x3 --plugin nosuch_plugin")


def test_what_a_model_prints_is_data(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "noisy.py").write_text(
        "from torch import nn\n"
        "print('\\x1b[31m::error::x\\n::error::y\\n##[error]z')\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self):\n        super().__init__(nn.Conv2d(3, 8, 3))\n"
    )
    done = process("params", "noisy:Net", "--python-path", str(tmp_path), "--no-confirm")
    assert done.returncode == 0, done.stderr
    assert "error::y" in done.stderr
    assert ESCAPE not in done.stderr
    assert "##[" not in done.stderr
    assert not any(line.startswith("::") for line in done.stderr.splitlines())


def test_a_broken_budget_stays_broken_where_nobody_reads(tmp_path: Path) -> None:
    checks = [f'[[check]]\nname = "{i:0190}"\nspec = "3x3"\nparams = {{ max = 1 }}\n' for i in range(300)]
    (tmp_path / "convcalc.toml").write_text("\n".join(checks))
    done = shell(f'cd "{tmp_path}"; set -o pipefail; convcalc check | true')
    assert done.returncode == 1
    assert done.stderr == ""
