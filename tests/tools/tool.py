# SPDX-License-Identifier: Apache-2.0
"""A tracing tool at work, and short runs of one."""
import json
import os
import subprocess
import time

from support import BUILD, PATIENCE, Process

PROGRAM = os.path.join(BUILD, "pilus-trace")
LACKS = 3  # the exit status for what the kernel cannot do
BLOCKS, BLOCK = 8, 64 * 1024  # what the fixture `write` writes


def run(*arguments, seconds=20, **options):
    """Until it ends by itself."""
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds * PATIENCE, **options)


class Tool(Process):
    """Attached when it has been made; its events are JSON objects, unless it is to write text; its own words are not."""

    def __init__(self, name, *arguments, output="json"):
        super().__init__([PROGRAM, name, "--output", output, "--verbose", *map(str, arguments)])
        self.wait_line(f"^{name}: tracing$", 30)

    def events(self):
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def wait_event(self, seconds=10, **members):
        """The first event that has these members."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            for event in self.events():
                if members.items() <= event.items():
                    return event
            left = deadline - time.monotonic()
            assert left > 0 and self._read(left), f"no event with {members} in:\n" + "\n".join(self.lines)

    def end(self):
        """As Ctrl-C; its status."""
        self.interrupt()
        self.finish()
        return self._process.returncode

    def close(self):
        self.stop()
