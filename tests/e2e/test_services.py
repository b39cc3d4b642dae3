# SPDX-License-Identifier: Apache-2.0
"""
Services from inside: who answers for them, and that nothing is left of those that are gone. Backends say their names.
"""
import contextlib
import json
import os

import pytest

from conftest import new_lab
from support import TOP, wait_for

BACKEND = ["/usr/bin/python3", str(TOP / "tests" / "e2e" / "backend.py")]
PORT = 5001
ADDRESS = {4: "10.96.0.{}", 6: "fd96::{}"}


def peer(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Services:
    """A lab with three backends: near, close (as the client, on node-1) and far (on node-2)."""
    port = PORT  # theirs

    def __init__(self, lab):
        self.lab = lab
        self.used = 9

    def address(self, family):
        """One that no test had."""
        self.used += 1
        return ADDRESS[family].format(self.used)

    def update(self, address, pods, *options, port=80, protocol="TCP", node="node-1"):
        family = 6 if ":" in address else 4
        backends = ",".join(peer(self.lab.ip(pod, family), self.port) for pod in pods)
        frontend = f"{peer(address, port)}/{protocol}"
        return self.lab.json(node, "service", "update", "--frontend", frontend, "--backends", backends, *options)[0]

    def delete(self, service, node="node-1"):
        self.lab.pilus(node, "service", "delete", str(service["id"]))

    def count(self, place, address, number=20, kind="tcp", port=80):
        done = self.lab.exec(place, *BACKEND, "count", kind, address, str(port), str(number))
        return json.loads(done.stdout)

    def load(self, place, address, port=80):
        return self.lab.background(place, *BACKEND, "load", address, str(port), ready="^ready$")

    def hold(self, place, address, port=80):
        return self.lab.background(place, *BACKEND, "hold", address, str(port), ready="^connected to")

    def put(self, key, value, suffix="json"):
        """An object into the store, as whoever keeps the cluster's objects would. JSON is YAML."""
        path = f"{self.lab.folder}/store/{key}.{suffix}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.new", "w", encoding="ascii") as file:
            json.dump(value, file)
        os.rename(f"{path}.new", path)

    def serving(self, node, address, names, port=80):
        """Whether a node gives new connections exactly these backends."""
        addresses = {self.lab.ip(name, 6 if ":" in address else 4) for name in names}
        return any(row["address"] == address and row["port"] == port and
                   {item["address"] for item in row["backends"] if item["serves"]} == addresses
                   for row in self.lab.json(node, "service", "list"))

    def wait_serving(self, address, names, port=80):
        for node in ("node-1", "node-2"):
            wait_for(lambda: self.serving(node, address, names, port), f"{node} serves {address} by {names}")


@pytest.fixture(scope="module")
def services():
    with new_lab("services", "--nodes", "2") as lab, contextlib.ExitStack() as servers:
        for node, pod in (("node-1", "client"), ("node-1", "near"), ("node-1", "close"), ("node-2", "far")):
            lab.add(node, pod)
            if pod != "client":
                servers.enter_context(lab.background(pod, *BACKEND, "serve", str(PORT), ready="^ready$"))
        yield Services(lab)


def service_object(name, address, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
            "spec": {"clusterIP": address, "ports": [{"port": 80, "targetPort": PORT}], **spec}}


def slice_object(name, service, endpoints):
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": "default", "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv6" if ":" in endpoints[0]["addresses"][0] else "IPv4",
            "ports": [{"port": PORT}], "endpoints": endpoints}


@pytest.fixture(name="kubernetes")
def fixture_kubernetes(services):
    """Objects are put into the store's folder, where it has one."""
    if services.lab.store != "dir":
        pytest.skip("the store has no folder")
    yield services
    for kind in ("services", "endpointslices"):
        folder = f"{services.lab.folder}/store/{kind}/default"
        for name in os.listdir(folder) if os.path.exists(folder) else ():
            os.unlink(f"{folder}/{name}")


# ── whom clients get ──

@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("backend", ["near", "far"])
def test_one_backend(services, family, kind, backend):
    address = services.address(family)
    services.update(address, [backend], protocol=kind.upper())
    for place in ("client", "node-1"):
        assert services.count(place, address, kind=kind) == {backend: 20}


def test_other_nodes_serve_it_too(services, family):
    address = services.address(family)
    services.update(address, ["near"])
    services.wait_serving(address, ["near"])
    assert services.count("far", address) == {"near": 20}
    assert services.count("node-2", address) == {"near": 20}


def test_protocols_are_apart(services):
    address = services.address(4)
    services.update(address, ["near"], protocol="TCP")
    services.update(address, ["far"], protocol="UDP")
    assert services.count("client", address, kind="tcp") == {"near": 20}
    assert services.count("client", address, kind="udp") == {"far": 20}


def test_hairpin(services, family):
    """A pod that is its own backend."""
    address = services.address(family)
    services.update(address, ["near"])
    assert services.count("near", address) == {"near": 20}


def test_spread(services):
    """Chi-square with two degrees of freedom: above 18.4 once in ten thousand runs."""
    address, number = services.address(4), 10_000
    services.update(address, ["near", "close", "far"])
    counts = services.count("client", address, number)
    assert set(counts) == {"near", "close", "far"}
    assert sum((count - number / 3) ** 2 / (number / 3) for count in counts.values()) < 18.4, counts


def test_weights(services):
    address, number = services.address(4), 1000
    services.update(address, ["near", "far"], "--backend-weights", "9,1")
    counts = services.count("client", address, number)
    assert 850 < counts["near"] < 950, counts
    services.update(address, ["near", "far"], "--backend-weights", "0,1")
    assert services.count("client", address) == {"far": 20}


def test_affinity(services, family):
    address = services.address(family)
    services.update(address, ["near", "close", "far"], "--affinity", "60")
    first = services.count("client", address)
    assert len(first) == 1
    assert services.count("client", address) == first
    kept = [row for row in services.lab.json("node-1", "bpf", "affinity", "list") if row["last-used"] < 60]
    assert kept


def test_maglev(services):
    address = services.address(4)
    services.update(address, ["near", "far"], "--algorithm", "maglev")
    assert set(services.count("client", address, 100)) == {"near", "far"}
    rows = services.lab.json("node-1", "bpf", "lb", "list", "--maglev")
    assert [len(row["table"]) for row in rows if row["address"] == address] == [16381]


@pytest.mark.parametrize("state", ["terminating", "quarantined", "maintenance"])
def test_states(services, state):
    address = services.address(4)
    services.update(address, ["near", "far"], "--states", f"{state},active")
    assert services.count("client", address) == {"far": 20}


def test_refused_without_backends(services, family):
    address = services.address(family)
    services.update(address, [])
    done = services.lab.exec("client", *BACKEND, "count", "tcp", address, "80", "1", check=False)
    assert done.returncode and "refused" in done.stderr, done.stderr


# ── objects of Kubernetes ──

def test_objects(kubernetes, family):
    lab, address = kubernetes.lab, kubernetes.address(family)
    kubernetes.put("services/default/web", service_object("web", address), "yaml")
    far, near = ({"addresses": [lab.ip(pod, family)], "nodeName": node} for pod, node in
                 (("far", "node-2"), ("near", "node-1")))
    kubernetes.put("endpointslices/default/web-1", slice_object("web-1", "web", [far]))
    kubernetes.wait_serving(address, ["far"])
    assert kubernetes.count("client", address) == {"far": 20}
    leaving = {**far, "conditions": {"ready": False, "serving": True, "terminating": True}}
    kubernetes.put("endpointslices/default/web-1", slice_object("web-1", "web", [leaving, near]))
    kubernetes.wait_serving(address, ["near"])
    assert kubernetes.count("client", address) == {"near": 20}
    number = next(row["id"] for row in lab.json("node-1", "service", "list") if row["address"] == address)
    assert "of the Service object default/web" in \
        lab.run("pilus", "node-1", "service", "delete", str(number), check=False).stderr


def test_internal_policy(kubernetes):
    lab, address = kubernetes.lab, kubernetes.address(4)
    kubernetes.put("services/default/web", service_object("web", address, internalTrafficPolicy="Local"))
    kubernetes.put("endpointslices/default/web-1", slice_object("web-1", "web", [
        {"addresses": [lab.ip(pod, 4)], "nodeName": node} for pod, node in (("far", "node-2"), ("near", "node-1"))]))
    wait_for(lambda: kubernetes.serving("node-1", address, ["near"]), "node-1 keeps to its own")
    wait_for(lambda: kubernetes.serving("node-2", address, ["far"]), "node-2 keeps to its own")
    assert kubernetes.count("client", address) == {"near": 20}


def test_bad_object_is_refused_in_words(kubernetes):
    kubernetes.put("services/default/bad", service_object("bad", "10.96.0.300"))
    log = f"{kubernetes.lab.folder}/node-1/agent.log"

    def said():
        with open(log, encoding="utf-8") as file:
            return "services/default/bad is refused: spec.clusterIP: '10.96.0.300' is no address" in file.read()
    wait_for(said, "the agent says what is wrong")


# ── changes under load ──

def test_restart_under_load(services):
    """Killed, and back: no connection fails, and the numbers are the same."""
    lab, address = services.lab, services.address(4)
    service = services.update(address, ["near", "far"])
    with services.load("client", address) as load:
        lab.run("agent", "node-1", "kill")
        assert services.count("client", address, 100)
        lab.run("agent", "node-1", "start")
        assert services.serving("node-1", address, ["near", "far"])
        assert load.finish() == 0, load.lines
    now = [row for row in lab.json("node-1", "service", "list") if row["address"] == address]
    assert now == [service]


def test_churn_under_load(services):
    """Backends leave and come, other services too; whoever connects meanwhile gets one that is there."""
    address, other = services.address(4), services.address(4)
    services.update(address, ["near", "far"])
    with services.load("client", address) as load:
        for _ in range(5):
            services.update(address, ["far"])
            services.update(address, ["near", "far"], "--states", "terminating,active")
            services.delete(services.update(other, ["near"]))
            services.update(address, ["near", "close", "far"])
        assert load.finish() == 0, load.lines


def test_removed_backend_ends_its_connections(services, family):
    """Those that leave keep them; those that are gone do not. Who is connected without a service is left alone."""
    lab, address = services.lab, services.address(family)
    services.update(address, ["near"])
    with services.hold("client", address) as by_service, \
            services.hold("client", lab.ip("near", family), PORT) as direct, \
            services.hold("node-1", address) as from_host:
        services.update(address, ["near", "far"], "--states", "terminating,active")
        assert services.count("client", address) == {"far": 20}
        assert not by_service.ended()
        services.update(address, ["far"])
        by_service.wait_line("^ended", 1)  # within a second, as is promised
        from_host.wait_line("^ended", 1)
        assert not direct.ended()


def test_nothing_is_left(services):
    lab, address = services.lab, services.address(4)
    before = [lab.json("node-1", "bpf", "lb", "list", *view) for view in ([], ["--backends"])]
    service = services.update(address, ["near", "far"], "--affinity", "60", "--type", "LoadBalancer",
                              "--source-ranges", "192.0.2.0/24")
    assert services.count("client", address)
    services.delete(service)
    wait_for(lambda: [lab.json("node-1", "bpf", "lb", "list", *view) for view in ([], ["--backends"])] == before,
             "the maps are as before")
    assert not [row for row in lab.json("node-1", "bpf", "affinity", "list") if row["service"] == service["id"]]


# ── wrong use ──

@pytest.mark.parametrize("options, status, words", [
    (["--frontend", "10.96.0.1"], 2, "'10.96.0.1' has no port: write ADDRESS:PORT"),
    (["--frontend", "10.96.0.1:0"], 1, "port: must be a number from 1 to 65535"),
    (["--frontend", "10.96.0.1:80/ICMP"], 1, "protocol: must be TCP, UDP or SCTP, not 'ICMP'"),
    (["--frontend", "10.96.0.1:80", "--backends", "[fd00::1]:80"], 1, "must be of the frontend's family"),
    (["--frontend", "10.96.0.1:80", "--backends", "10.1.0.1:1", "--states", "active,active"], 2, "more states than backends"),
    (["--frontend", "fd00::1:80"], 2, "write it like 10.0.0.1:80 or [fd00::1]:80"),
    ([], 2, "Give --frontend"),
])
def test_refused_in_words(services, options, status, words):
    done = services.lab.run("pilus", "node-1", "service", "update", *options, check=False)
    assert done.returncode == status and words in done.stderr, done.stderr


def test_signal_leaves_services(services):
    """The agent is not needed for a connection, only for changes."""
    lab, address = services.lab, services.address(4)
    services.update(address, ["near"])
    lab.run("agent", "node-1", "stop")
    assert services.count("client", address) == {"near": 20}
    assert lab.json("node-1", "bpf", "lb", "list")
    lab.run("agent", "node-1", "start")
