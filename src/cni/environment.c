/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI_CONTAINERID, CNI_IFNAME, CNI_NETNS and CNI_ARGS: read and checked by the specification's rules.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cni/cni.h"
#include "net/link.h"

#define CONTAINER_MAX 253

static bool is_container(const char *text)
{
	size_t size = strlen(text);

	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && (at == text || !strchr("_.-", *at)))
			return false;
	return size && size <= CONTAINER_MAX;
}

static bool is_interface(const char *text)
{
	return link_check_name(text, NULL) == 0;
}

static bool is_absolute(const char *text)
{
	return *text == '/';
}

/* In the order of enum cni_need's bits. */
static const struct variable {
	const char *name;
	enum cni_need need;
	size_t offset;
	bool (*check)(const char *text);
	const char *rule;
} variables[] = {
	{"CNI_CONTAINERID", NEED_CONTAINER, offsetof(struct cni_environment, container), is_container,
         "letters, digits, '_', '.' and '-', the first a letter or digit"},
	{"CNI_IFNAME", NEED_INTERFACE, offsetof(struct cni_environment, interface), is_interface,
         "at most 15 characters without space, '/' and ':', and not . or .."},
	{"CNI_NETNS", NEED_NETNS, offsetof(struct cni_environment, netns), is_absolute, "an absolute path"},
};

static int read_variable(const struct variable *variable, unsigned needs, struct cni_environment *environment,
                         struct error *error)
{
	const char **field = (const char **)((char *)environment + variable->offset);
	const char *text = getenv(variable->name);

	if (!text || !*text)
		return needs & variable->need
		               ? cni_fail(error, CNI_INVALID_ENVIRONMENT, "%s is not set", variable->name)
		               : 0;
	if (!variable->check(text))
		return cni_fail(error, CNI_INVALID_ENVIRONMENT, "%s is \"%.64s\", and must be %s", variable->name, text,
		                variable->rule);
	*field = text;
	return 0;
}

static bool is_true(const char *text)
{
	return !strcasecmp(text, "1") || !strcasecmp(text, "t") || !strcasecmp(text, "true");
}

/* Whatever else Kubernetes says of the pod is fine too. */
static void take_argument(const char *name, const char *value, struct cni_environment *environment,
                          const char **unknown, bool *ignore_unknown)
{
	char **field = !strcmp(name, "K8S_POD_NAME")        ? &environment->pod
	               : !strcmp(name, "K8S_POD_NAMESPACE") ? &environment->namespace
	                                                    : NULL;

	if (field) {
		free(*field);
		*field = *value ? xstrdup(value) : NULL;
	} else if (!strcmp(name, "IgnoreUnknown")) {
		*ignore_unknown = is_true(value);
	} else if (strncmp(name, "K8S_", strlen("K8S_")) != 0) {
		*unknown = name;
	}
}

static int read_arguments(struct cni_environment *environment, struct error *error)
{
	const char *text = getenv("CNI_ARGS"), *unknown = NULL;
	_cleanup_free_ char *copy = xstrdup(text ?: "");
	bool ignore_unknown = false;
	char *rest = copy;

	for (char *pair = strsep(&rest, ";"); pair; pair = strsep(&rest, ";")) {
		char *value = strchr(pair, '=');

		if (!*pair)
			continue;
		if (!value || value == pair)
			return cni_fail(error, CNI_INVALID_ENVIRONMENT,
			                "CNI_ARGS has \"%.64s\", and must be NAME=VALUE;NAME=VALUE…", pair);
		*value = '\0';
		take_argument(pair, value + 1, environment, &unknown, &ignore_unknown);
	}
	if (unknown && !ignore_unknown)
		return cni_fail(error, CNI_INVALID_ENVIRONMENT,
		                "CNI_ARGS has the unknown argument %.64s: add IgnoreUnknown=1 to let it pass", unknown);
	return 0;
}

int cni_environment_read(unsigned needs, struct cni_environment *ret, struct error *error)
{
	struct cni_environment environment = {};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(variables) / sizeof(*variables); i++)
		code = read_variable(&variables[i], needs, &environment, error);
	if (!code)
		code = read_arguments(&environment, error);
	if (code)
		cni_environment_clear(&environment);
	else
		*ret = environment;
	return code;
}

void cni_environment_clear(struct cni_environment *environment)
{
	free(environment->pod);
	free(environment->namespace);
	*environment = (struct cni_environment){};
}
