# SPDX-License-Identifier: Apache-2.0
"""Programs that go on while a test looks at what they say."""
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PILUS_BUILD", TOP / "build"))
PATIENCE = float(os.environ.get("PILUS_PATIENCE", 1))


def wait_until(condition, seconds=20):
    """What the condition gave at last; fails the test after so long."""
    end = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    pytest.fail("waited in vain", pytrace=True)


class Running:
    """A program that goes on until it is told to end, and all it said so far."""

    def __init__(self, command, folder, **options):
        self.out = folder / "out"
        self.err = folder / "err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **options)

    def said(self):
        return self.out.read_text()

    def complained(self):
        return self.err.read_text()

    def wait_for(self, text):
        """`text` or a match of it: other processes do things, too."""
        found = text if isinstance(text, re.Pattern) else re.compile(re.escape(text))

        def condition():
            match = found.search(self.said())
            if not match and self.process.poll() is not None:
                pytest.fail(f"ended with {self.process.returncode}: {self.said()}{self.complained()}", pytrace=False)
            return match
        return wait_until(condition)

    def end(self, how=signal.SIGINT):
        """Its exit status."""
        self.process.send_signal(how)
        return self.process.wait(20 * PATIENCE)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


# A probe as <sys/sdt.h> makes it: a nop, and a note that tells its place, its semaphore and its arguments.
PROBED = r"""
#include <unistd.h>
#include <stdio.h>
__attribute__((section(".probes"), used)) unsigned short semaphore;
static __attribute__((noinline)) void work(int number, const char *text)
{
	asm volatile("990: nop\n"
		     ".pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n"
		     ".4byte 992f-991f, 994f-993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n"
		     "993: .8byte 990b\n.8byte _.stapsdt.base\n.8byte semaphore\n"
		     ".asciz \"shop\"\n.asciz \"sale\"\n.asciz \"-4@%0 8@%1\"\n994: .balign 4\n.popsection\n"
		     ".ifndef _.stapsdt.base\n.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
		     ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n"
		     ".size _.stapsdt.base, 1\n.popsection\n.endif\n" ::"r"(number), "r"(text));
}
int main(void)
{
	for (int i = -3;; i++) {
		work(i, "apples");
		printf("%d\n", *(volatile unsigned short *)&semaphore);
		fflush(stdout);
		usleep(20000);
	}
}
"""
