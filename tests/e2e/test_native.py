# SPDX-License-Identifier: Apache-2.0
"""Native routing: what holds in the overlay holds without it, between nodes; within one there is no difference."""
import pytest

import test_edges
import test_traffic
from conftest import new_pair


@pytest.fixture(name="lab", scope="module")
def _lab():
    with new_pair("native", "--agent-arg", "--routing-mode=native") as pair:
        yield pair


@pytest.fixture(name="server", params=["far"])
def _server(request):
    return request.param


globals().update({name: test for module in (test_traffic, test_edges) for name, test in vars(module).items()
                  if name.startswith("test_") or name == "wide"})
