/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a system call that does next to nothing, or calls a function, as often as it can, and says how often that was:
 * usage: bench-calls syscall|function SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#define BETWEEN_LOOKS 64

void bench_called(void);

/* What the tools look at. */
__attribute__((noinline)) void bench_called(void)
{
	__asm__ volatile("");
}

static void make_syscall(void)
{
	syscall(SYS_getppid);
}

int main(int argc, char **argv)
{
	double seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
	void (*call)(void) = argc == 3 && !strcmp(argv[1], "function") ? bench_called : make_syscall;
	uint64_t begin = clock_now(), end = begin + (uint64_t)(seconds * NS_PER_SECOND), count = 0;

	if (seconds <= 0) {
		fprintf(stderr, "usage: bench-calls syscall|function SECONDS\n");
		return 2;
	}
	for (; clock_now() < end; count += BETWEEN_LOOKS)
		for (int i = 0; i < BETWEEN_LOOKS; i++)
			call();
	printf("%llu %.9f\n", (unsigned long long)count, (double)(clock_now() - begin) / NS_PER_SECOND);
	return 0;
}
