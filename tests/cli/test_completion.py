"""What is offered after a TAB, in the shells and by kubectl."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from cli.completion import for_kubectl
from cli.main import root

from .conftest import Run, World


def offered(*words: str) -> list[str]:
    return [item.value for item in ShellComplete(root, {}, "flinkctl", "").get_completions([*words[:-1]], words[-1])]


def test_commands_and_their_options() -> None:
    assert offered("de") == ["describe", "deployment", "demo"]
    assert "hooks" not in offered("")
    assert offered("job", "sc") == ["scale"]
    assert offered("job", "stop", "--wa") == ["--wait"]
    assert offered("get", "-o", "w") == ["wide"]


def test_kinds_and_the_names_that_there_are(world: World) -> None:
    for name in ("demo-one", "demo-two", "other"):
        world.job(name)
    world.cluster()
    assert offered("get", "j") == ["jobs"]
    assert offered("get", "jobs", "de") == ["demo-one", "demo-two"]
    assert offered("jobs", "stop", "demo-one", "") == ["demo-two", "other"]
    assert offered("cluster", "status", "") == ["demo"]
    assert offered("job", "stop", "-n", "elsewhere", "") == []


def test_without_a_cluster_nothing_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/none")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert offered("job", "stop", "") == []


def test_kubectl_is_answered_in_cobras_form(world: World) -> None:
    world.job()
    assert for_kubectl(root, ["job", "stop"], "") == "demo-one\n:4"
    assert for_kubectl(root, [], "comp").splitlines()[0].startswith("completion\tPrint")
    assert for_kubectl(root, ["local", "up", "--directory"], "") == ":0"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_FLINKCTL_COMPLETE={shell}_complete" in result.stdout


def test_bash_completes_with_it(world: World, tmp_path: Path) -> None:
    """The script's own function, in a real bash."""
    world.job()
    flinkctl = tmp_path / "flinkctl"
    flinkctl.write_text(f'#!/bin/sh\nexec {sys.executable} -m cli.main "$@"\n')
    flinkctl.chmod(0o755)
    ask = 'COMP_WORDS=(flinkctl job stop de); COMP_CWORD=3; _flinkctl_completion flinkctl; echo "${COMPREPLY[@]}"'
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = ["bash", "-c", f"source <(flinkctl completion bash)\n{ask}"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, env=environment)
    assert (done.stdout, done.stderr) == ("demo-one\n", "")
