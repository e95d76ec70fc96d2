"""Options of the whole test run: pytest reads them here, before it collects."""

import os
import signal

import pytest
from hypothesis import settings

# The same examples in each run, so that it judges the change and not its luck. `explore` draws new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", print_blob=True, deadline=None)
# A shell has what it starts in the background ignore Ctrl-C, and the programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "run the scenarios of tests/e2e on the current context of KUBECONFIG instead of the local runtime"
    parser.addoption("--cluster", action="store_true", help=text)
    text = "strike the local runtime's loop and hooks with the faults that this seed draws: lag, broken watches, ends"
    parser.addoption("--faults", type=int, metavar="SEED", help=text)
    parser.addoption("--record", action="store_true", help="with --cluster: write tests/data/exchange anew")
