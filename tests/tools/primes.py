# SPDX-License-Identifier: Apache-2.0
"""A program that calls functions, and passes static probes, a known number of times."""

SOURCE = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdint.h>

/* A static probe, as sys/sdt.h makes it. */
#define PROBE(name, value)                                                             \
	__asm__ volatile("990: nop\n"                                                  \
	                 ".pushsection .note.stapsdt, \"?\", \"note\"\n"               \
	                 ".balign 4\n.4byte 992f-991f, 994f-993f, 3\n"                 \
	                 "991: .asciz \"stapsdt\"\n992: .balign 4\n"                   \
	                 "993: .8byte 990b, 0, 0\n"                                    \
	                 ".asciz \"pilus_test\"\n.asciz \"" #name "\"\n.asciz \"-4@%0\"\n" \
	                 "994: .balign 4\n.popsection\n" : : "r"(value))

__attribute__((noinline)) int is_prime(int n)
{
	for (int i = 2; i * i <= n; i++)
		if (n % i == 0)
			return 0;
	return n > 1;
}

__attribute__((noinline)) void insert_result(int n)
{
	PROBE(found, n);
	if (n > 900)
		PROBE(found, n);
}

void *primes_thread(void *unused)
{
	for (int i = 0; i < 1000; i++)
		if (is_prime(i))
			insert_result(i);
	return unused;
}

int main(void)
{
	pthread_t threads[2];

	getchar();
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, primes_thread, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	puts("counted");
	fflush(stdout);
	getchar();
	return 0;
}
"""
PRIMES_BELOW_1000, PRIMES_ABOVE_900 = 168, 14


def work(process):
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"counted\n"
