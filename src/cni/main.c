/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pilus-cni: runtimes execute it with a verb in CNI_COMMAND and the network configuration on standard input. Exit
 * status: 0, or 1 with the error as JSON on standard output.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cni/cni.h"

#define INPUT_MAX (1024 * 1024)

/* The caller frees *ret. */
static int read_input(char **ret, size_t *ret_size, struct error *error)
{
	_cleanup_free_ char *text = xcalloc(1, INPUT_MAX + 1);
	size_t size = 0;
	ssize_t got;

	do {
		got = read(STDIN_FILENO, text + size, INPUT_MAX + 1 - size);
		size += got > 0 ? (size_t)got : 0;
	} while (got > 0 || (got < 0 && errno == EINTR));
	if (got < 0)
		return cni_fail(error, CNI_IO_FAILURE, "cannot read the network configuration from standard input: %s",
		                strerror(errno));
	if (size > INPUT_MAX)
		return cni_fail(error, CNI_DECODING_FAILURE, "the network configuration is larger than 1 MiB");
	*ret = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}

static int refuse_verb(const char *name, struct error *error)
{
	return cni_fail(
		error, CNI_INVALID_ENVIRONMENT,
		"CNI_COMMAND is %.32s, and must be ADD, DEL, CHECK, GC, STATUS or VERSION; container runtimes set "
		"it: see pilus-cni(8)",
		name && *name ? name : "not set");
}

/* Any input will do, and none: whoever asks does not know yet which versions we speak. */
static json_t *version(void)
{
	_cleanup_free_ char *text = NULL;
	struct error error;
	size_t size = 0;
	json_auto_t *input = read_input(&text, &size, &error) ? NULL : json_loadb(text, size, 0, NULL);

	return cni_version_output(json_string_value(json_object_get(input, "cniVersion")));
}

static int run_with(const struct cni_verb *verb, const struct cni_environment *environment, json_t **ret_output,
                    enum cni_version *ret_version, struct error *error)
{
	_cleanup_(cni_config_clear) struct cni_config config = {};
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int code;

	code = read_input(&text, &size, error);
	if (!code)
		code = cni_config_parse(text, size, &config, ret_version, error);
	if (code)
		return code;
	if (config.version < verb->minimum)
		return cni_fail(error, CNI_INCOMPATIBLE_VERSION, "%s needs cniVersion %s or newer, not %s", verb->name,
		                cni_version_names[verb->minimum], cni_version_names[config.version]);
	return verb->run(&config, environment, ret_output, error);
}

static int run(json_t **ret_output, enum cni_version *ret_version, struct error *error)
{
	_cleanup_(cni_environment_clear) struct cni_environment environment = {};
	const char *command = getenv("CNI_COMMAND");
	const struct cni_verb *verb;
	int code;

	if (command && !strcmp(command, "VERSION")) {
		*ret_output = version();
		return 0;
	}
	verb = command ? cni_verb_find(command) : NULL;
	if (!verb)
		return refuse_verb(command, error);
	code = cni_environment_read(verb->needs, &environment, error);
	return code ?: run_with(verb, &environment, ret_output, ret_version, error);
}

int main(void)
{
	enum cni_version version_spoken = CNI_VERSION_NEWEST;
	struct error error = {};
	json_auto_t *output = NULL;
	int code = run(&output, &version_spoken, &error);

	if (code)
		output = cni_error_output(version_spoken, code, &error);
	if (output) {
		json_dumpf(output, stdout, JSON_INDENT(4));
		putchar('\n');
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "pilus-cni: cannot write to standard output: %s\n", strerror(errno));
		return 1;
	}
	return code ? 1 : 0;
}
