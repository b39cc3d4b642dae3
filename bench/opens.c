/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a file, as often as it can, and says how often that was: usage: bench-opens PATH SECONDS [PAUSE_US]
 * The path need not be there. With a pause it looks at the clock after each.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#define BETWEEN_LOOKS 64

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 0;
	unsigned pause = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	uint64_t begin = clock_now(), end = begin + (uint64_t)(seconds * NS_PER_SECOND), count = 0;

	if (seconds <= 0) {
		fprintf(stderr, "usage: bench-opens PATH SECONDS [PAUSE_US]\n");
		return 2;
	}
	while (clock_now() < end)
		for (int i = 0; i < (pause ? 1 : BETWEEN_LOOKS); i++) {
			int fd = open(argv[1], O_RDONLY | O_CLOEXEC);

			if (fd >= 0)
				close(fd);
			count++;
			if (pause)
				usleep(pause);
		}
	printf("%llu %.9f\n", (unsigned long long)count, (double)(clock_now() - begin) / NS_PER_SECOND);
	return 0;
}
