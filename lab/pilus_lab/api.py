# SPDX-License-Identifier: Apache-2.0
"""The agent's API (docs/api.md), by HTTP on its unix socket."""
import http.client
import json
import socket

from . import LabError, patience


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("pilus", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _ask(node, method, path, body=None, seconds=5):
    connection = _UnixConnection(node.socket, timeout=patience.stretch(seconds))
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        answer = response.read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"the agent of {node.name} breaks off: {error!r}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise LabError(f"the agent of {node.name} answers {path} with {response.status}: {answer.strip()}")
    return json.loads(answer)


def get(node, path, seconds=5):
    """As agents.ask has it."""
    return _ask(node, "GET", path, seconds=seconds)


def put(node, path, body, seconds=30):
    return _ask(node, "PUT", path, json.dumps(body), seconds)


def delete(node, path, seconds=30):
    return _ask(node, "DELETE", path, seconds=seconds)
