/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels of a pod, taken apart for selectors: "k8s:app=web" is source k8s, key app, value web. The labels of its
 * namespace are among them, as Cilium has it:
 *
 *     k8s:io.kubernetes.pod.namespace=NAME
 *     k8s:io.cilium.k8s.namespace.labels.KEY=VALUE
 *
 * Ports that have a name are labels too, so pods whose ports differ have different identities: port:http=8080/TCP. No
 * selector means those.
 *
 * What is no pod (the host, the world, other nodes) has one label of the source `reserved`.
 */
#ifndef PILUS_POLICY_LABEL_SET_H
#define PILUS_POLICY_LABEL_SET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define LABEL_SOURCE_KUBERNETES     "k8s"
#define LABEL_SOURCE_RESERVED       "reserved"
#define LABEL_SOURCE_PORT           "port"
#define LABEL_NAMESPACE             "io.kubernetes.pod.namespace"
#define LABEL_NAMESPACE_LABELS      "io.cilium.k8s.namespace.labels."
#define LABEL_NAMESPACE_NAME_ITSELF "kubernetes.io/metadata.name"

struct label {
	const char *source, *key, *value; /* "" where there is none */
};

struct label_set {
	struct label *labels; /* in the order given */
	size_t count;
	char *text; /* what the labels point into */
};

/* From a JSON array of "source:key=value", "source:key" or "key=value" (of source k8s). -EINVAL for anything else. */
int label_set_read(const json_t *array, struct label_set *ret, struct error *error);
void label_set_clear(struct label_set *labels); /* also of a zeroed one */

/* The value of a label; NULL when it is not there. An empty source is any but `port`. */
const char *label_set_value(const struct label_set *labels, const char *source, const char *key);

/* The number of a port that has a name; 0: there is none. */
uint16_t label_set_port(const struct label_set *labels, const char *name, uint8_t protocol);

/* "TCP": how protocols with ports are written; 0 for other words. */
uint8_t label_protocol(const char *word);

/* Is this a pod? */
bool label_set_is_pod(const struct label_set *labels);

#endif
