#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A container runtime in a hurry: runs in a node and executes the plugin, one worker per network namespace.

    churn.py cycles COUNT PLUGIN NETNS...     COUNT times ADD and DEL by each worker
    churn.py once PLUGIN NETNS...             one ADD by each at the same time; the pods stay
    churn.py random SECONDS PLUGIN NETNS...   ADD, CHECK, GC and DEL, one plugin in five killed; the last pods stay

What it does is what the specification asks of runtimes: code 11 is tried again, a failed ADD is followed by DEL, DEL is
repeated until it succeeds. Prints {"pods": [{"netns", "container", "addresses"}...], "calls": {verb: [seconds...]},
"retried": n, "killed": n, "problems": [sentence...]}. The agent may come and go as it likes.
"""
import collections
import json
import os
import random
import secrets
import subprocess
import sys
import threading
import time

TRY_AGAIN = 11
SECONDS = 60 * float(os.environ.get("PILUS_PATIENCE") or 1)  # for a call that is tried again
KILLED_WITHIN = 0.06  # seconds: about as long as a call takes


class Report:
    """What all workers tell; addresses are checked as they are given."""

    def __init__(self):
        self.lock = threading.Lock()
        self.calls = collections.defaultdict(list)
        self.counts = collections.Counter(retried=0, killed=0)
        self.problems = []
        self.owners = {}

    def called(self, verb, seconds):
        with self.lock:
            self.calls[verb].append(seconds)

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def problem(self, words):
        with self.lock:
            self.problems.append(words)

    def given(self, addresses, container):
        with self.lock:
            for address in addresses:
                if address in self.owners:
                    self.problems.append(f"{address} was given to {container} while {self.owners[address]} has it")
                self.owners[address] = container

    def taken(self, addresses):
        with self.lock:
            for address in addresses:
                self.owners.pop(address, None)


class Worker:
    """A runtime's one pod after the other, in one network of its own, so that its GC concerns nobody else."""

    def __init__(self, plugin, netns, report, kills):
        self.plugin, self.netns, self.report, self.kills = plugin, netns, report, kills
        self.network = os.path.basename(netns).rpartition(".")[2]
        self.container, self.result = None, None

    def addresses(self):
        return [item["address"].partition("/")[0] for item in self.result["ips"]] if self.result else []

    def execute(self, verb, config):
        """(exit status, output); the status of a killed one is negative."""
        environment = {**os.environ, "CNI_COMMAND": verb, "CNI_CONTAINERID": self.container, "CNI_IFNAME": "eth0",
                       "CNI_NETNS": self.netns, "CNI_PATH": os.path.dirname(self.plugin),
                       "CNI_ARGS": f"K8S_POD_NAMESPACE=churn;K8S_POD_NAME={self.network}"}
        started = time.perf_counter()
        process = subprocess.Popen([self.plugin], env=environment, text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        wait = random.uniform(0, KILLED_WITHIN) if self.kills and random.random() < 0.2 else None
        try:
            output, _ = process.communicate(json.dumps(config), timeout=wait)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            self.report.count("killed")
        self.report.called(verb, time.perf_counter() - started)
        return process.returncode, output

    def call(self, verb, until_done=False, **config):
        """True when done, None when killed, False when it failed for good. Tries again as long as that can help."""
        config = {"cniVersion": "1.1.0", "name": self.network, "type": "pilus-cni", **config}
        deadline = time.monotonic() + SECONDS
        while True:
            status, output = self.execute(verb, config)
            if status == 0:
                return json.loads(output) if output else True
            if status < 0 and not until_done:
                return None
            error = {"code": TRY_AGAIN} if status < 0 else json.loads(output)
            if error["code"] != TRY_AGAIN or time.monotonic() > deadline:
                self.report.problem(f"{verb} of {self.network}: {error}")
                return False
            self.report.count("retried")
            time.sleep(random.uniform(0.01, 0.1))

    def add(self):
        """Until there is a pod."""
        while not self.result:
            self.container = secrets.token_hex(16)
            answer = self.call("ADD")
            if answer:
                self.result = answer
                self.report.given(self.addresses(), self.container)
            elif not self.delete() or answer is False:
                return

    def delete(self):
        """The addresses may be another's as soon as the plugin works."""
        self.report.taken(self.addresses())
        done = self.call("DEL", until_done=True, **({"prevResult": self.result} if self.result else {}))
        self.result = None
        return done

    def check(self):
        self.call("CHECK", prevResult=self.result)

    def collect(self):
        self.call("GC", **{"cni.dev/valid-attachments": [{"containerID": self.container, "ifname": "eth0"}]})

    def cycles(self, count):
        for _ in range(count):
            self.add()
            self.delete()

    def at_random(self, seconds):
        end = time.monotonic() + seconds
        self.add()
        while time.monotonic() < end and self.result:
            for step in random.choices((self.check, self.collect, lambda: None), k=2):
                step()
            time.sleep(random.uniform(0, 0.1))
            if not self.delete():
                return
            self.add()


def main():
    verb, *rest = sys.argv[1:]
    number = float(rest.pop(0)) if verb != "once" else 0
    plugin, *namespaces = rest
    report = Report()
    workers = [Worker(plugin, netns, report, kills=verb == "random") for netns in namespaces]
    work = {"cycles": lambda worker: worker.cycles(int(number)), "once": Worker.add,
            "random": lambda worker: worker.at_random(number)}[verb]
    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pods = [{"netns": worker.netns, "container": worker.container, "addresses": worker.addresses()}
            for worker in workers if worker.result]
    print(json.dumps({"pods": pods, "calls": report.calls, **report.counts, "problems": report.problems}))


main()
