/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's configuration file, by way of a file in memory.
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "agent/config/config.h"

static int file = -1;
static char path[32];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	file = memfd_create("config", MFD_CLOEXEC);
	must(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *arguments[] = {(char *)"pilusd", (char *)"--config", path, NULL};
	struct config config = {};
	struct error error = {};
	json_t *shown;
	int result;

	must(!ftruncate(file, 0) && pwrite(file, data, size, 0) == (ssize_t)size);
	result = config_load(3, arguments, &config, &error);
	must(result <= 0);
	must_tell(result, &error);
	if (result)
		return 0;
	shown = config_to_json(&config);
	must(json_object_size(shown));
	json_decref(shown);
	config_clear(&config);
	return 0;
}
