/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the CNI specification (https://www.cni.dev/docs/spec/): versions, verbs, error codes, and what a runtime
 * hands to a plugin. The plugin itself owns nothing: it carries requests to the agent, and answers back.
 *
 * Functions here return 0 or a positive code of the specification, with words in `error`.
 */
#ifndef PILUS_CNI_CNI_H
#define PILUS_CNI_CNI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum cni_code {
	CNI_INCOMPATIBLE_VERSION = 1,
	CNI_UNSUPPORTED_FIELD = 2,
	CNI_UNKNOWN_CONTAINER = 3,
	CNI_INVALID_ENVIRONMENT = 4,
	CNI_IO_FAILURE = 5,
	CNI_DECODING_FAILURE = 6,
	CNI_INVALID_CONFIG = 7,
	CNI_TRY_AGAIN = 11,
	CNI_NOT_AVAILABLE = 50,
	CNI_REFUSED = 100, /* our own: the agent says no, or found that something is not as it was */
};

int cni_fail(struct error *error, enum cni_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Versions of the specification, oldest first. */
enum cni_version { CNI_0_3_0, CNI_0_3_1, CNI_0_4_0, CNI_1_0_0, CNI_1_1_0, CNI_VERSIONS };
#define CNI_VERSION_NEWEST CNI_1_1_0

extern const char *const cni_version_names[CNI_VERSIONS];

/* What the runtime says in the environment; borrowed from there. NULL where absent or empty. */
struct cni_environment {
	const char *container, *netns, *interface;
	char *pod, *namespace; /* from CNI_ARGS; freed by cni_environment_clear */
};

enum cni_need { NEED_CONTAINER = 1, NEED_INTERFACE = 2, NEED_NETNS = 4 };

/* `needs`: enum cni_need, or-ed. What is there is checked, needed or not. */
int cni_environment_read(unsigned needs, struct cni_environment *ret, struct error *error);
void cni_environment_clear(struct cni_environment *environment);

/* What it says on standard input. All but `json`, `labels`, `ports` and `port_mappings` is borrowed from `json`. */
struct cni_config {
	json_t *json;
	enum cni_version version;
	const char *network;
	const char *socket;
	bool ipv4, ipv6;
	unsigned mtu;          /* 0: the node's */
	json_t *labels;        /* object: key -> value */
	json_t *ports;         /* object: name -> "8080/TCP" */
	json_t *port_mappings; /* list, in the words of docs/api.md */
	json_t *previous;      /* prevResult, or NULL */
	json_t *dns;           /* or NULL */
};

/* *ret_version is filled as soon as it is known, also when more is wrong. */
int cni_config_parse(const char *text, size_t size, struct cni_config *ret, enum cni_version *ret_version,
                     struct error *error);
void cni_config_clear(struct cni_config *config);

/* The list of GC, in the words of docs/api.md: a new reference. */
int cni_config_attachments(const struct cni_config *config, json_t **ret, struct error *error);

/*
 * The result of ADD, in the shape of the configuration's version: what the agent says of the endpoint, added to
 * prevResult where there is one. A new reference.
 */
int cni_result(const struct cni_config *config, const struct cni_environment *environment, json_t *endpoint,
               json_t **ret, struct error *error);

/* Is the endpoint still what prevResult says? */
int cni_result_check(const struct cni_config *config, const struct cni_environment *environment, json_t *endpoint,
                     struct error *error);

/* Are we asked to work on the namespace that we run in? That is never a pod. */
bool cni_netns_is_ours(const char *netns);

/*
 * Removes what ADD made, without an agent: the pod's interface, or else the host's end of it that prevResult names.
 * Success when there is nothing (left).
 */
int cni_detach(const struct cni_config *config, const struct cni_environment *environment, struct error *error);

struct cni_verb {
	const char *name;
	unsigned needs;           /* enum cni_need */
	enum cni_version minimum; /* since which version the verb exists */
	/* *ret_output (NULL: none) goes to standard output: a new reference. */
	int (*run)(const struct cni_config *config, const struct cni_environment *environment, json_t **ret_output,
	           struct error *error);
};

/* NULL for an unknown name. VERSION is not among them: it needs no configuration. */
const struct cni_verb *cni_verb_find(const char *name);

json_t *cni_version_output(const char *asked);
json_t *cni_error_output(enum cni_version version, int code, const struct error *error);

#endif
