/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the configuration: defaults, then the file, then the flags. What the keys are stands in config_keys.c.
 */
#include "agent/config/config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/load.h"
#include "base/cleanup.h"
#include "base/memory.h"

static void load_clear(struct config_load *load)
{
	config_clear(&load->config);
	free(load->flags);
	free(load->origins);
}

const struct config_key *config_key_find(const char *name)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (!strcmp(config_keys[i].name, name))
			return &config_keys[i];
	return NULL;
}

long *config_load_origin(struct config_load *load, const struct config_key *key)
{
	return &load->origins[key - config_keys];
}

int config_load_blame(struct config_load *load, const struct config_key *key, struct error *error)
{
	long origin = *config_load_origin(load, key);

	if (origin == FROM_FLAG)
		error_prefix(error, "--%s", key->name);
	else if (origin == FROM_DEFAULT)
		error_prefix(error, "%s", key->name);
	else
		error_prefix(error, "%s:%ld: %s", load->file, origin, key->name);
	return -EINVAL;
}

int config_load_set(struct config_load *load, const struct config_key *key, const struct config_value *value,
                    long origin, struct error *error)
{
	*config_load_origin(load, key) = origin;
	return config_set(&load->config, key, value, error) < 0 ? config_load_blame(load, key, error) : 0;
}

/* A value written as one text, "a,b" for a list. */
static int set_text(struct config_load *load, const struct config_key *key, const char *text, long origin,
                    struct error *error)
{
	_cleanup_free_ char *copy = xstrdup(text);
	const char *items[CONFIG_LIST_MAX] = {copy};
	struct config_value value = {.items = items, .count = 1, .list = key->kind->list};
	char *rest = copy;

	if (!key->kind->list)
		return config_load_set(load, key, &value, origin, error);
	value.count = 0;
	while (*text && rest && value.count < CONFIG_LIST_MAX)
		items[value.count++] = strsep(&rest, ",");
	return config_load_set(load, key, &value, origin, error);
}

static int set_defaults(struct config_load *load, struct error *error)
{
	for (size_t i = 0; i < config_key_count; i++) {
		int result = 0;

		if (config_keys[i].fallback)
			result = set_text(load, &config_keys[i], config_keys[i].fallback, FROM_DEFAULT, error);
		if (result < 0)
			return result;
	}
	return 0;
}

enum { OPTION_CONFIG = 256, OPTION_CHECK, OPTION_REMOVE, OPTION_HELP, OPTION_VERSION, OPTION_KEY };

static const struct option fixed_options[] = {
	{"config", required_argument, NULL, OPTION_CONFIG},    {"check-config", no_argument, NULL, OPTION_CHECK},
	{"remove-datapath", no_argument, NULL, OPTION_REMOVE}, {"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
};
#define FIXED_OPTIONS (sizeof(fixed_options) / sizeof(fixed_options[0]))

static struct option *options_new(void)
{
	struct option *options = xcalloc(FIXED_OPTIONS + config_key_count + 1, sizeof(*options));

	memcpy(options, fixed_options, sizeof(fixed_options));
	for (size_t i = 0; i < config_key_count; i++)
		options[FIXED_OPTIONS + i] = (struct option){
			.name = config_keys[i].name, .has_arg = required_argument, .val = OPTION_KEY + (int)i};
	return options;
}

/* "--ipam host-scope|cluster-pool" */
static const char *describe_flag(const struct config_key *key, char *text, size_t size)
{
	snprintf(text, size, "--%s %s", key->name, key->kind->placeholder ? key->kind->placeholder : "");
	for (size_t i = 0; !key->kind->placeholder && key->choices[i]; i++) {
		strncat(text, i ? "|" : "", size - strlen(text) - 1);
		strncat(text, key->choices[i], size - strlen(text) - 1);
	}
	return text;
}

static void print_key(const struct config_key *key)
{
	char flag[80];

	describe_flag(key, flag, sizeof(flag));
	if (key->fallback)
		printf("  %-42s %s (%s)\n", flag, key->help, key->fallback);
	else
		printf("  %-42s %s\n", flag, key->help);
}

static void print_help(void)
{
	printf("Usage: pilusd [--config FILE] [--check-config|--remove-datapath] [--KEY VALUE]...\n"
	       "The Pilus agent: one per node. Every key of the configuration file is also a flag, which wins.\n\n"
	       "  %-42s the configuration (%s)\n"
	       "  %-42s read the configuration, say what is wrong with it, and end\n"
	       "  %-42s remove programs, maps and the overlay device from this node, and end\n"
	       "  %-42s this text\n"
	       "  %-42s the version\n\n"
	       "Keys (default):\n",
	       "--config FILE", CONFIG_DEFAULT_FILE, "--check-config", "--remove-datapath", "-h, --help", "--version");
	for (size_t i = 0; i < config_key_count; i++)
		print_key(&config_keys[i]);
}

static int refuse_flag(int option, char *const *argv, struct error *error)
{
	const char *flag = argv[optind - 1];

	if (option == ':')
		return error_set(error, -EINVAL, "%s: needs a value", flag);
	return error_set(error, -EINVAL, "%s: unknown or incomplete flag; `pilusd --help` lists those there are", flag);
}

static int take_key(struct config_load *load, const struct config_key *key, const char *text, struct error *error)
{
	const char **flag = &load->flags[key - config_keys];

	if (*flag)
		return error_set(error, -EINVAL, "--%s: is given twice: remove one of them", key->name);
	*flag = text;
	return 0;
}

static int take_config(struct config_load *load, const char *path, struct error *error)
{
	if (load->file_named)
		return error_set(error, -EINVAL, "--config: is given twice: remove one of them");
	load->file = path;
	load->file_named = true;
	return 0;
}

static int take_option(struct config_load *load, int option, char *const *argv, struct error *error)
{
	switch (option) {
	case OPTION_CONFIG:
		return take_config(load, optarg, error);
	case OPTION_CHECK:
		load->config.check_only = true;
		return 0;
	case OPTION_REMOVE:
		load->config.remove = true;
		return 0;
	case 'h':
	case OPTION_HELP:
		print_help();
		return 1;
	case OPTION_VERSION:
		printf("pilusd %s\n", PILUS_VERSION);
		return 1;
	case '?':
	case ':':
		return refuse_flag(option, argv, error);
	default:
		return take_key(load, &config_keys[option - OPTION_KEY], optarg, error);
	}
}

/* Collects the flags; 1 when one of them was a question. */
static int read_flags(struct config_load *load, int argc, char **argv, struct error *error)
{
	_cleanup_free_ struct option *options = options_new();
	int option;

	optind = 0; /* all over again: there may have been a run before */
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		int result = take_option(load, option, argv, error);

		if (result != 0)
			return result;
	}
	if (optind < argc)
		return error_set(error, -EINVAL, "%s: is not understood; `pilusd --help` says what is", argv[optind]);
	return 0;
}

static int set_flags(struct config_load *load, struct error *error)
{
	for (size_t i = 0; i < config_key_count; i++) {
		int result = 0;

		if (load->flags[i])
			result = set_text(load, &config_keys[i], load->flags[i], FROM_FLAG, error);
		if (result < 0)
			return result;
	}
	return 0;
}

static int set_node_name(struct config_load *load, struct error *error)
{
	char name[256] = "";

	if (load->config.node_name)
		return 0;
	if (gethostname(name, sizeof(name) - 1) < 0)
		return error_set_errno(error, -errno, "node-name: cannot get the host's name; set this key");
	return set_text(load, config_key_find("node-name"), name, FROM_DEFAULT, error);
}

static int check(struct config_load *load, struct error *error)
{
	const char *key;

	if (config_check(&load->config, &key, error) < 0)
		return config_load_blame(load, config_key_find(key), error);
	return 0;
}

int config_load(int argc, char **argv, struct config *ret, struct error *error)
{
	static int (*const steps[])(struct config_load *load, struct error *error) = {set_defaults, config_load_file,
	                                                                              set_flags, set_node_name, check};
	_cleanup_(load_clear) struct config_load load = {
		.file = CONFIG_DEFAULT_FILE,
		.flags = xcalloc(config_key_count, sizeof(*load.flags)),
		.origins = xcalloc(config_key_count, sizeof(*load.origins)),
	};
	int result = read_flags(&load, argc, argv, error);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && result == 0; i++)
		result = steps[i](&load, error);
	if (result != 0)
		return result;
	*ret = load.config;
	load.config = (struct config){};
	return 0;
}
