# SPDX-License-Identifier: Apache-2.0
"""
A real server and a real client, nginx and wrk, while services and agents change: not one request fails. Of the client
inside node-1 translates the sockets, of the one outside the packets, and both backends are elsewhere.
"""
import contextlib
import re
import signal

import pytest

from conftest import new_lab
from support import PATIENCE, wait_for
from test_services import Services, peer

NGINX = """
daemon off;
error_log stderr;
pid {folder}/{pod}.pid;
worker_processes 2;
events {{ worker_connections 512; }}
http {{
    access_log off;
    server {{
        listen 80;
        listen [::]:80;
        location / {{ return 200 "{pod}\\n"; }}
    }}
}}
"""
CLUSTER, NODE_PORT = "10.96.7.7", 30777


class Web(Services):
    """web-2 and web-3 on the nodes of their numbers; the client on node-1."""
    port = 80

    @contextlib.contextmanager
    def nginx(self, pod):
        path = f"{self.lab.folder}/{pod}.conf"
        with open(path, "w", encoding="ascii") as file:
            file.write(NGINX.format(folder=self.lab.folder, pod=pod))
        with self.lab.background(pod, "nginx", "-e", "stderr", "-c", path) as process:
            url = f"http://{self.lab.ip(pod, 4)}"
            wait_for(lambda: not self.lab.exec("node-1", "curl", "-sf", url, check=False).returncode, f"{pod} serves")
            yield process

    def serve(self, pods, states):
        for address, port, options in ((CLUSTER, 80, []), ("0.0.0.0", NODE_PORT, ["--type", "NodePort"])):
            self.update(address, pods, "--states", ",".join(states), *options, port=port)
            active = [pod for pod, state in zip(pods, states) if state == "active"]
            wait_for(lambda: self.serving("node-1", address, active, port), f"{address}:{port} is served by {active}")

    def drain(self):
        """web-3 gets no new connections any more, and those that it has end on both sides."""
        command = "ss -Htn state connected exclude time-wait exclude syn-recv".split()
        self.serve(["web-2", "web-3"], ["active", "terminating"])
        wait_for(lambda: not self.lab.exec("web-3", *command).stdout, "web-3 has no client")

    @contextlib.contextmanager
    def wrk(self):
        """Inside and outside at once, a new connection for each request. What they asked meanwhile was answered."""
        places = {"client": peer(CLUSTER, 80), "underlay": peer(self.lab.ip("node-1", 4), NODE_PORT)}
        with contextlib.ExitStack() as running:
            found = [running.enter_context(self.lab.background(
                place, "stdbuf", "-oL", "wrk", "-t1", "-c4", "-d1h", "--timeout", str(int(20 * PATIENCE)),
                "-H", "Connection: close", f"http://{where}/", ready="^Running")) for place, where in places.items()]
            yield
            for wrk in found:
                wrk.interrupt()
                wrk.wait_line("^Requests/sec", seconds=30)
                said = "\n".join(wrk.lines)
                assert int(re.search(r"(\d+) requests in", said)[1]) > 50, said
                assert "errors" not in said and "Non-2xx" not in said, said


@pytest.fixture(scope="module")
def web():
    with new_lab("http", "--nodes", "3") as lab, contextlib.ExitStack() as servers:
        for node, pod in (("node-1", "client"), ("node-2", "web-2"), ("node-3", "web-3")):
            lab.add(node, pod)
        found = Web(lab)
        servers.enter_context(found.nginx("web-2"))
        yield found


def test_agents_restart(web):
    """Killed, and back, on the node that is asked and on one of those that answer."""
    with web.nginx("web-3"):
        web.serve(["web-2", "web-3"], ["active", "active"])
        with web.wrk():
            for node in ("node-1", "node-2"):
                web.lab.run("agent", node, "kill")
                web.lab.run("agent", node, "start")


def test_a_backend_leaves(web):
    """As Kubernetes ends a pod: it gets no new connections, its server ends those that it has, and it is gone."""
    with web.nginx("web-3") as leaving:
        web.serve(["web-2", "web-3"], ["active", "active"])
        with web.wrk():
            web.drain()
            leaving.signal(signal.SIGQUIT)
            wait_for(leaving.ended, "nginx ends")
            web.serve(["web-2"], ["active"])


def test_churn(web):
    """Services come and go, and so do backends of the one that is asked."""
    with web.nginx("web-3"):
        web.serve(["web-2", "web-3"], ["active", "active"])
        with web.wrk():
            for _ in range(2):
                other = web.update(web.address(4), ["web-3"])
                web.drain()
                web.serve(["web-2"], ["active"])
                web.delete(other)
                web.serve(["web-2", "web-3"], ["active", "active"])
