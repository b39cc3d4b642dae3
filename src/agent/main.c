/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pilusd. Exit status: 0 ended as asked, 1 could not go on, 2 wrong flags or configuration.
 */
#include <malloc.h>
#include <stdio.h>

#include "agent/agent.h"
#include "base/log.h"

/*
 * What is as large goes back to the system once it is freed. Else the C library takes ever larger pieces from its
 * heaps, and those of threads keep what a list of a million took once.
 */
#define LARGE 131072

int main(int argc, char **argv)
{
	struct config config = {};
	struct error error = {};
	int result;

	mallopt(M_MMAP_THRESHOLD, LARGE);
	result = config_load(argc, argv, &config, &error);
	if (result < 0) {
		fprintf(stderr, "pilusd: %s\n", error.message);
		return 2;
	}
	if (result > 0)
		return 0;
	if (config.check_only) {
		printf("the configuration is good\n");
	} else {
		log_set_level(config.log_level);
		result = config.remove ? agent_remove(&config, &error) : agent_run(&config, &error);
		if (result)
			log_error("%s", error.message);
	}
	config_clear(&config);
	return result ? 1 : 0;
}
