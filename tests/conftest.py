"""Options of the whole test run: pytest reads them here, before it collects."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "run the scenarios of tests/e2e on the current context of KUBECONFIG instead of the local runtime"
    parser.addoption("--cluster", action="store_true", help=text)
    text = "strike the local runtime's loop and hooks with the faults that this seed draws: lag, broken watches, ends"
    parser.addoption("--faults", type=int, metavar="SEED", help=text)
    parser.addoption("--record", action="store_true", help="with --cluster: write tests/data/exchange anew")
