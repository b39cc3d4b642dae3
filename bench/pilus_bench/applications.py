# SPDX-License-Identifier: Apache-2.0
"""Servers that people run, each with the benchmark that comes with it: what they serve a second in a pod."""
import contextlib
import csv
import glob
import io
import re
import shutil
import subprocess
import tempfile
import time

from pilus_lab import LabError, places

from . import children

READY_SECONDS = 30


@contextlib.contextmanager
def _server(place, command, is_ready):
    with children.running(place, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        begun = time.monotonic()
        while not is_ready():
            if process.poll() is not None or time.monotonic() - begun > READY_SECONDS:
                raise LabError(f"{command[-1]} does not serve in {place.name}")
            time.sleep(.02)
        yield


def _succeeds(place, command):
    process = places.start(place, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process.wait() == 0


class Redis:
    packages = "redis-server redis-tools"
    # Title -> clients, requests in a second's worth.
    works = {"redis-benchmark GET, 1 client": (1, 15000), "redis-benchmark GET, 50 clients": (50, 50000)}

    @staticmethod
    def is_installed():
        return shutil.which("redis-server") and shutil.which("redis-benchmark")

    @staticmethod
    @contextlib.contextmanager
    def serving(place):
        command = ["redis-server", "--bind", "0.0.0.0", "::", "--protected-mode", "no", "--save", "", "--appendonly", "no"]
        with _server(place, command, lambda: _succeeds(place, ["redis-cli", "ping"])):
            yield

    def ask(self, path, work, seconds):
        clients, requests = self.works[work]
        number = max(clients, int(requests * seconds))
        output = children.run(path.client, ["redis-benchmark", "-h", path.address, "-t", "get", "--csv",
                                            "-c", str(clients), "-n", str(number)])
        return {"rate": float(next(row[1] for row in csv.reader(io.StringIO(output)) if row and row[0] == "GET"))}


def _postgresql(program):
    """Debian keeps each version's programs in a folder of its own."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{program}"))
    return found[-1] if found else None


class Postgresql:
    packages = "postgresql"
    works = {"pgbench -S, 1 client": (1, 5000), "pgbench -S, 8 clients": (8, 10000)}
    _USER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]

    @staticmethod
    def is_installed():
        return _postgresql("postgres") and _postgresql("pgbench")

    @contextlib.contextmanager
    def serving(self, place):
        with tempfile.TemporaryDirectory(prefix="pilus-bench-") as folder:
            shutil.chown(folder, "postgres", "postgres")
            data = f"{folder}/data"
            children.run(place, [*self._USER, _postgresql("initdb"), "--no-sync", "-A", "trust", "-D", data])
            command = [*self._USER, _postgresql("postgres"), "-D", data, "-c", "listen_addresses=*", "-c", "fsync=off",
                       "-c", f"unix_socket_directories={folder}"]
            with open(f"{data}/pg_hba.conf", "a", encoding="utf-8") as file:
                file.write("host all all all trust\n")
            with _server(place, command, lambda: _succeeds(place, [_postgresql("pg_isready"), "-q", "-h", folder])):
                children.run(place, [_postgresql("pgbench"), "-q", "-i", "-h", folder, "-U", "postgres", "postgres"],
                             stderr=subprocess.DEVNULL)
                yield

    def ask(self, path, work, seconds):
        clients, transactions = self.works[work]
        each = max(1, int(transactions * seconds / clients))
        output = children.run(path.client, [_postgresql("pgbench"), "-S", "-n", "-M", "prepared", "-c", str(clients),
                                            "-t", str(each), "-h", path.address, "-U", "postgres", "postgres"])
        return {"rate": float(re.search(r"tps = ([\d.]+)", output)[1])}


ALL = [Redis(), Postgresql()]
