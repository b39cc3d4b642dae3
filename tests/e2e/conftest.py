# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import signal

import pytest

from support import TCP_PORT, UDP_PORT, Lab


def pytest_addoption(parser):
    parser.addoption("--store", default="dir", choices=["dir", "etcd", "etcd-tls"],
                     help="what the agents of the labs share state by")


def pytest_configure(config):
    Lab.store = config.getoption("--store")
    config.addinivalue_line("markers", "kernels: runs on other kernels too, by make check-kernels; so it is quick")


def pytest_sessionstart(session):
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # fixtures take their labs down then too
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests make network namespaces: run them as root (make check does, by sudo)", 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure comes with what the agents said."""
    report = (yield).get_result()
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Lab):
                report.sections += [(f"log of {value.name} {node}", text) for node, text in value.logs()]


@contextlib.contextmanager
def new_lab(word, *arguments, **options):
    lab = Lab(word, **options)
    try:
        yield lab.up(*arguments)
    finally:
        lab.down()


@pytest.fixture
def make_lab():
    """A lab of the test's own: make_lab(word, argument of up...)."""
    with contextlib.ExitStack() as stack:
        yield lambda word, *arguments: stack.enter_context(new_lab(word, *arguments))


@contextlib.contextmanager
def new_pair(word, *arguments):
    """Two nodes; client and near on node-1, far on node-2. near and far echo TCP and UDP."""
    with new_lab(word, *arguments) as pair, contextlib.ExitStack() as servers:
        pair.add("node-1", "client", "--labels", "app=client")
        pair.add("node-1", "near", "--labels", "app=near")
        pair.add("node-2", "far", "--labels", "app=far", "--namespace", "away")
        for pod in ("near", "far"):
            servers.enter_context(pair.server(pod, "tcp-echo", TCP_PORT))
            servers.enter_context(pair.server(pod, "udp-echo", UDP_PORT))
        yield pair


@pytest.fixture(scope="session")
def lab():
    with new_pair("pair") as pair:
        yield pair


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def family(request):
    return request.param


@pytest.fixture(params=["near", "far"])
def server(request):
    """The pod at the other end: on client's node, or on another."""
    return request.param
