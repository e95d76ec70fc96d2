"""The root command: lazy, and every error in one line with its exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli import main, options, output, reference, session
from core import times

from .conftest import Run, World


def every(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands below it, by what a person types."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from every(below, (*path, name))


NEEDY = {
    path: option
    for path, command in every(main.root)
    if (option := next((each for each in command.params if each.required and isinstance(each, click.Option)), None))
}


def test_help_imports_no_client() -> None:
    code = "import sys; from cli.main import root; root(['--help'], standalone_mode=False); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "cli.main" in found
    assert not {"requests", "yaml", "rich", "flask", "jsonschema", "clients", "cli.commands.apply"} & set(found)


@pytest.mark.parametrize("name", main.NAMES)
def test_the_root_says_what_the_command_says_itself(name: str) -> None:
    command = main.root.get_command(click.Context(main.root), name)
    assert command is not None
    line = next(text for section in main.COMMANDS.values() for other, text in section.items() if other == name)
    assert (command.help or "").partition("\n")[0].startswith(line)


def test_no_command_is_missing_in_the_help() -> None:
    modules = {module.stem for module in Path(main.__file__).with_name("commands").glob("[a-z]*.py")}
    assert modules == set(main.NAMES)


def test_the_reference_is_the_commands_own_help() -> None:
    assert reference.TARGET.read_text("utf-8") == reference.text(), "run: make docs"


def test_usage_says_kubectl_flink_when_it_is_a_plugin() -> None:
    assert main.program("/usr/bin/kubectl-flink") == "kubectl flink"
    assert main.program("/usr/bin/flinkctl") == "flinkctl"


def test_without_a_cluster_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    result = CliRunner().invoke(main.root, ["get"])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "no Kubernetes cluster is configured" in result.stderr
    assert f"{tmp_path / 'none'}: no such file; flinkctl local up starts" in result.stderr


def test_an_unexpected_error_is_one_line_and_a_traceback_only_with_v(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(where: options.Where) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(session, "connect", broken)
    monkeypatch.setattr(session, "Session", broken)
    result = run("get")
    told = "error: unexpected ZeroDivisionError: by nothing (a defect of flinkctl; -v shows where)\n"
    assert (result.exit_code, result.stderr) == (1, told)
    for arguments in (("-v", "get"), ("get", "-v")):
        result = run(*arguments)
        assert "Traceback" in result.stderr
        assert result.stderr.endswith("error: unexpected ZeroDivisionError: by nothing\n")


def test_a_command_that_is_not_there_is_told_with_the_one_that_is_near() -> None:
    result = CliRunner().invoke(main.root, ["jobb"])
    assert result.exit_code == 2
    assert "there is no command 'jobb'; did you mean job?" in result.stderr


@pytest.mark.parametrize("line", ["--bad", "jobb", "get -x", "get fj -o", "job scale x", "job start", "get sofas"])
def test_wrong_usage_has_the_form_of_every_error(run: Run, line: str) -> None:
    result = run(*line.split())
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert "Error:" not in result.stderr


def test_plan_ends_with_2_only_for_changes() -> None:
    """A pipeline must not take a typing mistake for a change."""
    for line in (["plan"], ["plan", "--bad"], ["plan", "-f", "x", "--state", "/nowhere"]):
        assert CliRunner().invoke(main.root, line).exit_code == 1


@pytest.mark.parametrize("path", NEEDY, ids=" ".join)
def test_an_option_that_is_needed_is_missed_by_its_name(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main.root, path)
    assert result.exit_code == (1 if path == ("plan",) else 2)
    assert f"Missing option '{NEEDY[path].opts[0]}'" in result.stderr


def test_ctrl_c_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(where: options.Where) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "Session", interrupted)
    assert run("get").exit_code == 130


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400)])
def test_durations_are_gos(text: str, seconds: float) -> None:
    assert options.Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["5", "s", "", "-1s", "0s", "1 m"])
def test_what_is_no_duration_is_wrong_usage(run: Run, text: str) -> None:
    assert run("job", "stop", "x", f"--timeout={text}").exit_code == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5s"), (119, "119s"), (125, "2m5s"), (3600, "60m"), (7 * 3600 + 60, "7h1m"), (10**5, "27h"), (10**6, "11d")],
)
def test_ages_are_kubectls(seconds: int, text: str) -> None:
    assert output.age(times.from_millis(0), times.from_millis(seconds * 1000)) == text


def test_what_is_no_number_is_said_so(run: Run) -> None:
    for arguments in (("job", "scale", "x", "--parallelism", "abc"), ("logs", "fc/x", "--tail", "abc")):
        result = run(*arguments)
        assert (result.exit_code, "'abc' is no number" in result.stderr) == (2, True)


def test_names_are_needed_and_said_once(run: Run) -> None:
    for arguments in (
        ("job", "start"),
        ("job", "start", "x", "--job-name", "y", "--cluster-name", "c"),
        ("job", "start", "--job-name", "y"),
        ("cluster", "stop"),
        ("savepoint", "trigger", "a", "b"),
    ):
        assert run(*arguments).exit_code == 2, arguments
