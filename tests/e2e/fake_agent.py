# SPDX-License-Identifier: Apache-2.0
"""An agent of the test's own: HTTP on a unix socket, with the answers the test wants (docs/api.md)."""
import contextlib
import http.server
import json
import os
import socketserver
import subprocess
import threading

from support import BUILD, Process

PILUS = os.path.join(BUILD, "pilus")
# What pilus ends with.
OK, FAILURE, WRONG_USE = 0, 1, 2

LABELS = ["k8s:app=web", "k8s:io.kubernetes.pod.namespace=default"]
HOST = {"id": 0, "state": "ready", "identity": 1, "labels": ["reserved:host"], "ipv4": None, "ipv6": None, "pod": None,
        "policy-ingress": "Disabled", "policy-egress": "Disabled"}
WEB = {"id": 7, "state": "ready", "identity": 23411, "labels": LABELS, "ipv4": "10.1.0.7", "ipv6": "fd00:1::7",
       "pod": "web-1", "policy-ingress": "Disabled", "policy-egress": "Disabled"}
IDENTITIES = [{"id": 1, "labels": ["reserved:host"]}, {"id": 2, "labels": ["reserved:world"]},
              {"id": 23411, "labels": LABELS}]
IPS = [{"cidr": "0.0.0.0/0", "identity": 2, "labels": ["reserved:world"], "source": "reserved", "node": None},
       {"cidr": "10.1.0.7/32", "identity": 23411, "labels": LABELS, "source": "endpoint", "node": "node-1"}]
NODES = [{"name": "node-1", "id": 0, "local": True, "ipv4": "10.99.0.1", "ipv6": "fd99::1",
          "pod-cidrs": ["10.1.0.0/24", "fd00:1::/112"], "routing-mode": "tunnel", "neighbour": None, "agent": "up"},
         {"name": "node-2", "id": 1, "local": False, "ipv4": "10.99.0.2", "ipv6": None,
          "pod-cidrs": ["10.2.0.0/24"], "routing-mode": "tunnel", "neighbour": "resolved", "agent": "silent"}]
MAPS = [{"name": "pilus_flows", "type": "lru_hash", "entries": 3, "max-entries": 131072, "bytes": 1000000}]
LOG = [{"time": "2026-11-22T11:09:06Z", "status": "OK", "state": "ready", "message": "Endpoint is ready"},
       {"time": "2026-11-22T11:09:05Z", "status": "Warning", "state": "waiting-for-identity", "message": "Waits"}]
HEALTHY = {"overall-health": "OK", "bpf": "OK", "policy": "OK", "connected": True, "problems": []}
ILL = {"overall-health": "Failure", "bpf": "OK", "policy": "Pending", "connected": False,
       "problems": ["device plx8 is gone"]}
CONFIG = {"node-name": "node-1", "uplinks": ["eth0", "eth1"], "mtu": 0, "log-level": "info"}
STATUS = {
    "version": "9.9.9", "state": "Ok", "message": "", "node": "node-1", "cluster": "default",
    "started": "2026-11-22T11:09:06Z", "store": {"kind": "dir", "state": "Ok", "message": "/var/lib/pilus/store"},
    "ipam": {"mode": "host-scope",
             "pools": [{"family": "IPv4", "cidr": "10.1.0.0/24", "allocated": 3, "size": 254},
                       {"family": "IPv6", "cidr": "fd00:1::/112", "allocated": 3, "size": 65534}],
             "allocations": [{"address": "10.1.0.7", "owner": "default/web-1"}]},
    "datapath": {"routing-mode": "tunnel", "overlay": "vxlan", "port": 8472, "mtu": 1450, "attach": "tcx", "uplinks": ["eth0"],
                 "programs": [{"name": "from_container", "device": "plx7", "hook": "tcx/ingress"}]},
    "masquerade": {"ipv4": True, "ipv6": False, "devices": ["eth0"], "excluded": ["10.1.0.0/24", "fd00:1::/112"]},
    "monitor": {"listeners": 0, "lost": 0}, "endpoints": {"ready": 2, "total": 2},
    "prefilter": {"state": "attached", "revision": 3, "entries": 2, "devices": [{"device": "eth0", "hook": "xdp/native"}]},
    "socket-acceleration": {"mode": "on", "active": True, "reason": None, "connections": 17},
    "services": {"services": 2, "frontends": 5, "backends": 4,
                 "acceleration": {"packets": 7, "devices": [{"device": "eth0", "hook": "xdp/native"}]}},
    "policy": {"state": "in force", "enforcement": "default", "audit": True, "allow-localhost": "always", "policies": 3,
               "revision": 7, "sets": 2, "entries": 24, "locked-down": 1},
    "health": {"probed": "2026-11-22T11:09:06Z", "reachable": 2, "total": 2},
    "memory": {"resident": 6291456, "maps": 12582912},
}
GOOD = {"reachable": True, "since": "2026-11-22T11:09:06Z", "rtt": 191372, "lost": 0, "error": None}
LOSSY = GOOD | {"rtt": 1200000000, "lost": 2}
BAD = GOOD | {"reachable": False, "rtt": None, "lost": 3, "error": "Connection timed out"}


def health(other):
    """Of two nodes: node-1 is well, of node-2 there is what the probes of its second address came to."""
    well = other is GOOD
    return {"probed": "2026-11-22T11:09:06Z", "reachable": 1 + well, "total": 2, "nodes": [
        {"name": "node-1", "local": True, "reachable": True, "probed": "2026-11-22T11:09:06Z",
         "host": [{"address": "10.99.0.1", "icmp": GOOD, "http": LOSSY}], "endpoint": []},
        {"name": "node-2", "local": False, "reachable": well, "probed": "2026-11-22T11:09:06Z",
         "host": [{"address": "10.99.0.2", "icmp": GOOD, "http": GOOD}],
         "endpoint": [{"address": "10.2.0.2", "icmp": GOOD, "http": GOOD},
                      {"address": "fd00:2::2", "icmp": other, "http": other}]}]}


HEALTH = health(GOOD)
ANSWERS = {"/v1/status": STATUS, "/v1/endpoints": [HOST, WEB], "/v1/endpoints/7": WEB, "/v1/endpoints/7/log": LOG,
           "/v1/endpoints/7/health": HEALTHY, "/v1/endpoints/8/health": ILL, "/v1/health": HEALTH,
           "/v1/health/probe": health(None),
           "/v1/identities": IDENTITIES, "/v1/ips": IPS, "/v1/nodes": NODES, "/v1/maps": MAPS, "/v1/config": CONFIG}


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        agent = self.server.agent
        path = self.path.split("?")[0]
        if path == "/v1/monitor":
            return self.stream(agent)
        if path not in agent.answers:
            return self.answer(404, json.dumps({"error": f"there is no {path}"}).encode())
        body = agent.answers[path]
        return self.answer(200, body if isinstance(body, bytes) else json.dumps(body).encode())

    def do_POST(self):
        self.do_GET()

    def stream(self, agent):
        agent.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        if agent.announced is not None:
            self.send_header("Content-Length", str(agent.announced))
        self.end_headers()
        self.wfile.flush()
        for piece in agent.pieces:
            self.wfile.write(piece)
            self.wfile.flush()
        agent.hold.wait(20)

    def address_string(self):
        return "unix"

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Agent:
    """What it answers: by path; bytes go out as they are."""

    def __init__(self, socket):
        self.socket = str(socket)
        self.answers = dict(ANSWERS)
        self.pieces = []
        self.announced = None  # how long it says the stream will be
        self.asked = []
        self.hold = threading.Event()

    def run(self, *arguments, **options):
        return subprocess.run([PILUS, "--socket", self.socket, *arguments], text=True, capture_output=True, timeout=20,
                              check=False, **options)

    def pilus(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == OK and not done.stderr, (done.returncode, done.stderr)
        return done.stdout

    @contextlib.contextmanager
    def monitor(self, *arguments):
        process = Process([PILUS, "--socket", self.socket, "monitor", *arguments])
        try:
            process.wait_line("^Press Ctrl-C to quit")
            yield process
        finally:
            process.stop()
            self.hold.set()


@contextlib.contextmanager
def serve(socket):
    agent = Agent(socket)
    server = Server(agent.socket, Handler)
    server.agent = agent
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield agent
    finally:
        agent.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
