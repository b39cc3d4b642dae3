# SPDX-License-Identifier: Apache-2.0
"""
The lab's etcd: one member, in the underlay's namespace, where all nodes reach it. The store etcd-tls is one that wants
client certificates and a password; what the agents need for that lies beside its data.
"""
import base64
import json
import os
import shutil
import signal
import subprocess
import threading
import time

from . import LabError, daemons, kernel, names, patience, places

PORT = 2379
USER, PASSWORD = "pilus", "secret of the lab"
PREFIX = b"/pilus/"
READY_SECONDS = patience.stretch(20)
STOP_SECONDS = patience.stretch(10)


def is_used(lab):
    return lab.settings()["store"] in ("etcd", "etcd-tls")


def _secure(lab):
    return lab.settings()["store"] == "etcd-tls"


def _client_url(lab):
    return f"http{'s' if _secure(lab) else ''}://{lab.place(names.UNDERLAY).address(4)}:{PORT}"


def config(lab):
    """The keys of an agent's configuration."""
    keys = {"store": f"etcd:{_client_url(lab)}/pilus"}
    if _secure(lab):
        keys |= {"store-ca": f"{lab.etcd}/ca.pem", "store-certificate": f"{lab.etcd}/client.pem",
                 "store-key": f"{lab.etcd}/client.key", "store-user": USER,
                 "store-password-file": f"{lab.etcd}/password"}
    return keys


def pid(lab):
    return daemons.pid(f"{lab.etcd}/etcd.pid", lab.etcd_cgroup)


def check_installed():
    if not shutil.which("etcd"):
        raise LabError("--store etcd needs etcd: run make deps, or apt install etcd-server")


def start(lab):
    """Starts it, and waits until it answers."""
    running = pid(lab)
    if running:
        raise LabError(f"the store runs already (process {running}): stop it first")
    check_installed()
    os.makedirs(lab.etcd, exist_ok=True)
    client, peer = _client_url(lab), "http://127.0.0.1:2380"
    command = ["etcd", "--data-dir", f"{lab.etcd}/data", "--name", lab.name,
               "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
               "--initial-advertise-peer-urls", peer, "--initial-cluster", f"{lab.name}={peer}"]
    fresh = not os.path.exists(f"{lab.etcd}/data")
    if _secure(lab):
        _make_certificates(lab)
        command += ["--cert-file", f"{lab.etcd}/server.pem", "--key-file", f"{lab.etcd}/server.key",
                    "--client-cert-auth", "--trusted-ca-file", f"{lab.etcd}/ca.pem", "--bcrypt-cost", "4"]
    with open(f"{lab.etcd}/etcd.log", "ab") as log:
        process = places.start(lab.place(names.UNDERLAY), command, lab.etcd_cgroup, stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log, start_new_session=True, cwd="/")
    daemons.remember(f"{lab.etcd}/etcd.pid", process)
    _wait_ready(lab, process)
    if _secure(lab) and fresh:
        _make_users(lab)


def _make_certificates(lab):
    """Of an authority of the lab's own. Beside users, etcd wants clients to have no common name."""
    if os.path.exists(f"{lab.etcd}/password"):
        return
    new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    address = lab.place(names.UNDERLAY).address(4)
    _openssl(lab, f"{new} -x509 -days 30 -subj /CN=lab -keyout ca.key -out ca.pem")
    for name in ("server", "client"):
        _openssl(lab, f"{new} -subj /O={name} -addext subjectAltName=IP:{address} -keyout {name}.key -out {name}.csr")
        _openssl(lab, f"x509 -req -days 30 -in {name}.csr -CA ca.pem -CAkey ca.key -copy_extensions copy "
                      f"-out {name}.pem")
    with open(f"{lab.etcd}/password", "w", encoding="utf-8", opener=lambda *path: os.open(*path, 0o600)) as file:
        file.write(f"{PASSWORD}\n")


def _openssl(lab, arguments):
    done = subprocess.run(["openssl", *arguments.split()], cwd=lab.etcd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"openssl {arguments.split()[0]} failed: {done.stderr.strip()}")


def _make_users(lab):
    """root, whom etcd insists on, and the agents' user, who may do no more than they need."""
    end = PREFIX[:-1] + bytes([PREFIX[-1] + 1])
    permission = {"permType": "READWRITE", "key": base64.b64encode(PREFIX).decode(),
                  "range_end": base64.b64encode(end).decode()}
    for path, body in (("user/add", {"name": "root", "password": PASSWORD}),
                       ("user/grant", {"user": "root", "role": "root"}),
                       ("role/add", {"name": USER}),
                       ("role/grant", {"name": USER, "perm": permission}),
                       ("user/add", {"name": USER, "password": PASSWORD}),
                       ("user/grant", {"user": USER, "role": USER}),
                       ("enable", {})):
        if _ask(lab, "POST", f"/v3/auth/{path}", body) != 200:
            raise LabError(f"etcd refuses {path}: its log is {lab.etcd}/etcd.log")


def _wait_ready(lab, process):
    deadline = time.monotonic() + READY_SECONDS
    while _ask(lab, "GET", "/health") != 200:
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"etcd does not start: its log is {lab.etcd}/etcd.log")
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            pass


def _connection(lab):
    import http.client
    address = lab.place(names.UNDERLAY).address(4)
    if not _secure(lab):
        return http.client.HTTPConnection(address, PORT, timeout=patience.stretch(2))
    import ssl
    context = ssl.create_default_context(cafile=f"{lab.etcd}/ca.pem")
    context.load_cert_chain(f"{lab.etcd}/client.pem", f"{lab.etcd}/client.key")
    return http.client.HTTPSConnection(address, PORT, timeout=patience.stretch(2), context=context)


def _ask(lab, method, path, body=None):
    """
    The answer's status; None when there was none. Asked from a thread, which may be in the underlay's namespace while
    this process is not.
    """
    import http.client  # here, for it takes longer to import than most commands of the lab take to run
    answers = []

    def ask():
        kernel.setns(lab.place(names.UNDERLAY).netns_file, kernel.CLONE_NEWNET)
        connection = _connection(lab)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answers.append(connection.getresponse().status)
        except (OSError, http.client.HTTPException):
            pass  # not yet: the caller decides
        finally:
            connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return answers[0] if answers else None


def stop(lab, number=signal.SIGTERM):
    running = pid(lab)
    if not running:
        raise LabError("the store does not run: start it with lab store start")
    if not daemons.end(running, number, STOP_SECONDS):
        raise LabError(f"etcd (process {running}) did not end within {STOP_SECONDS} s after "
                       f"{signal.Signals(number).name}: its log is {lab.etcd}/etcd.log")
