# SPDX-License-Identifier: Apache-2.0
"""The lab's etcd: one member, in the underlay's namespace, where all nodes reach it."""
import os
import shutil
import signal
import subprocess
import threading
import time

from . import LabError, daemons, kernel, names, patience, places

PORT = 2379
READY_SECONDS = patience.stretch(20)
STOP_SECONDS = patience.stretch(10)


def url(lab):
    return f"etcd:http://{lab.place(names.UNDERLAY).address(4)}:{PORT}/pilus"


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
    client = f"http://{lab.place(names.UNDERLAY).address(4)}:{PORT}"
    peer = "http://127.0.0.1:2380"
    command = ["etcd", "--data-dir", f"{lab.etcd}/data", "--name", lab.name,
               "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
               "--initial-advertise-peer-urls", peer, "--initial-cluster", f"{lab.name}={peer}"]
    with open(f"{lab.etcd}/etcd.log", "ab") as log:
        process = places.start(lab.place(names.UNDERLAY), command, lab.etcd_cgroup, stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log, start_new_session=True, cwd="/")
    daemons.remember(f"{lab.etcd}/etcd.pid", process)
    _wait_ready(lab, process)


def _wait_ready(lab, process):
    deadline = time.monotonic() + READY_SECONDS
    while not _healthy(lab):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"etcd does not start: its log is {lab.etcd}/etcd.log")
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            pass


def _healthy(lab):
    """Asked from a thread, which may be in the underlay's namespace while this process is not."""
    import http.client  # here, for it takes longer to import than most commands of the lab take to run
    answers = []

    def ask():
        kernel.setns(lab.place(names.UNDERLAY).netns_file, kernel.CLONE_NEWNET)
        connection = http.client.HTTPConnection(lab.place(names.UNDERLAY).address(4), PORT, timeout=patience.stretch(2))
        try:
            connection.request("GET", "/health")
            answers.append(connection.getresponse().status == 200)
        except (OSError, http.client.HTTPException):
            pass  # not yet: the caller's deadline decides
        finally:
            connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return any(answers)


def stop(lab, number=signal.SIGTERM):
    running = pid(lab)
    if not running:
        raise LabError("the store does not run: start it with lab store start")
    if not daemons.end(running, number, STOP_SECONDS):
        raise LabError(f"etcd (process {running}) did not end within {STOP_SECONDS} s after "
                       f"{signal.Signals(number).name}: its log is {lab.etcd}/etcd.log")
