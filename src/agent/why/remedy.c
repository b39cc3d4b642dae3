/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would allow what policies refuse for want of a rule: the least that does, as YAML to import. It names both ends
 * as closely as it can: pods by all their labels and their namespace, what is no pod by its entity or address.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "agent/why/internal.h"

#define NAME_MAX_LENGTH 63 /* RFC 1123 */

/* Memory streams fail for want of memory only. */
static FILE *open_text(char **text, size_t *size)
{
	FILE *out = open_memstream(text, size);

	if (!out)
		abort();
	return out;
}

static bool is_pod(const struct party *party)
{
	return party->kind == PARTY_POD || party->kind == PARTY_REMOTE_POD;
}

static const char *space_of(const struct party *party)
{
	return label_set_value(&party->label_set, LABEL_SOURCE_KUBERNETES, LABEL_NAMESPACE) ?: "default";
}

/* YAML has JSON's strings. */
static void write_text(FILE *out, const char *text)
{
	json_t *string = json_string(text);

	if (string)
		json_dumpf(string, out, JSON_ENCODE_ANY);
	json_decref(string);
}

/* A pod's own labels, not those of its namespace. */
static bool is_own(const struct label *label)
{
	return !strcmp(label->source, LABEL_SOURCE_KUBERNETES) && strcmp(label->key, LABEL_NAMESPACE) &&
	       strncmp(label->key, LABEL_NAMESPACE_LABELS, strlen(LABEL_NAMESPACE_LABELS));
}

/* "{matchLabels: {"app": "web"}}"; also the namespace, in Cilium's words. */
static void write_selector(FILE *out, const struct party *party, bool with_space)
{
	const char *separator = "";

	fputs("{matchLabels: {", out);
	for (size_t i = 0; i < party->label_set.count; i++) {
		const struct label *label = &party->label_set.labels[i];

		if (!is_own(label))
			continue;
		fputs(separator, out);
		write_text(out, label->key);
		fputs(": ", out);
		write_text(out, label->value);
		separator = ", ";
	}
	if (with_space)
		fprintf(out, "%s\"k8s:" LABEL_NAMESPACE "\": \"%s\"", separator, space_of(party));
	fputs("}}", out);
}

/* "allow-client-to-near-80-tcp" */
static void write_name(FILE *out, const struct walk *walk, enum party_end end, const char *protocol)
{
	static const char *const directions[] = {[END_SOURCE] = "egress", [END_DESTINATION] = "ingress"};
	char name[256];
	size_t length;

	snprintf(name, sizeof(name), "allow-%s-%s-to-%s-%u-%s", directions[end], walk->source->name,
	         walk->destination->name, walk->port, protocol);
	length = strnlen(name, NAME_MAX_LENGTH);
	for (size_t i = 0; i < length; i++)
		name[i] = isalnum((unsigned char)name[i]) ? (char)tolower((unsigned char)name[i]) : '-';
	while (length && name[length - 1] == '-')
		length--;
	fprintf(out, "%.*s", (int)length, name);
}

static const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return "TCP";
	case PROTOCOL_UDP:
		return "UDP";
	case PROTOCOL_SCTP:
		return "SCTP";
	default:
		return NULL;
	}
}

static void write_head(FILE *out, const struct walk *walk, enum party_end end, const char *api, const char *kind)
{
	const struct party *subject = end == END_SOURCE ? walk->source : walk->destination;

	fprintf(out, "apiVersion: %s\nkind: %s\nmetadata:\n  name: ", api, kind);
	write_name(out, walk, end, protocol_name(walk->question->protocol) ?: "icmp");
	fprintf(out, "\n  namespace: %s\nspec:\n", space_of(subject));
}

static void write_block(FILE *out, const struct party *peer)
{
	char text[ADDR_TEXT_MAX];

	fprintf(out, "\"%s/%u\"", addr_format(&peer->addr, text), addr_is_v4(&peer->addr) ? 32 : 128);
}

/* Between pods, and between a pod and an address, the language of Kubernetes can say it. */
static void write_kubernetes(FILE *out, const struct walk *walk, enum party_end end)
{
	const struct party *subject = end == END_SOURCE ? walk->source : walk->destination;
	const struct party *peer = end == END_SOURCE ? walk->destination : walk->source;

	write_head(out, walk, end, "networking.k8s.io/v1", "NetworkPolicy");
	fputs("  podSelector: ", out);
	write_selector(out, subject, false);
	fprintf(out, "\n  policyTypes: [%s]\n  %s:\n  - %s:\n", end == END_SOURCE ? "Egress" : "Ingress",
	        end == END_SOURCE ? "egress" : "ingress", end == END_SOURCE ? "to" : "from");
	if (is_pod(peer)) {
		fprintf(out, "    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}\n",
		        space_of(peer));
		fputs("      podSelector: ", out);
		write_selector(out, peer, false);
	} else {
		fputs("    - ipBlock: {cidr: ", out);
		write_block(out, peer);
		fputc('}', out);
	}
	fprintf(out, "\n    ports:\n    - {protocol: %s, port: %u}\n", protocol_name(walk->question->protocol),
	        walk->port);
}

static void write_cilium_peer(FILE *out, const struct party *peer, const char *word)
{
	if (is_pod(peer)) {
		fprintf(out, "%sEndpoints: [", word);
		write_selector(out, peer, true);
		fputc(']', out);
		return;
	}
	if (peer->kind == PARTY_WORLD && !peer->example) {
		fprintf(out, "%sCIDR: [", word);
		write_block(out, peer);
		fputc(']', out);
		return;
	}
	fprintf(out, "%sEntities: [%s]", word,
	        peer->kind == PARTY_WORLD  ? "world"
	        : peer->kind == PARTY_HOST ? "host"
	                                   : "remote-node");
}

/* All else is said in Cilium's. */
static void write_cilium(FILE *out, const struct walk *walk, enum party_end end)
{
	const struct party *subject = end == END_SOURCE ? walk->source : walk->destination;
	const struct party *peer = end == END_SOURCE ? walk->destination : walk->source;
	const char *protocol = protocol_name(walk->question->protocol);

	write_head(out, walk, end, "cilium.io/v2", "CiliumNetworkPolicy");
	fputs("  endpointSelector: ", out);
	write_selector(out, subject, false);
	fprintf(out, "\n  %s:\n  - ", end == END_SOURCE ? "egress" : "ingress");
	write_cilium_peer(out, peer, end == END_SOURCE ? "to" : "from");
	if (protocol)
		fprintf(out, "\n    toPorts:\n    - ports: [{port: \"%u\", protocol: %s}]\n", walk->port, protocol);
	else
		fprintf(out, "\n    icmps:\n    - fields: [{family: IPv%c, type: %u}]\n",
		        walk->question->protocol == PROTOCOL_ICMP ? '4' : '6', walk->port);
}

static void write_policy(FILE *out, const struct walk *walk, enum party_end end)
{
	const struct party *peer = end == END_SOURCE ? walk->destination : walk->source;
	bool block = peer->kind == PARTY_WORLD && !peer->example;

	if (protocol_name(walk->question->protocol) && (is_pod(peer) || block))
		write_kubernetes(out, walk, end);
	else
		write_cilium(out, walk, end);
}

static bool reads(const json_t *decision, const char *member, const char *word)
{
	const char *text = json_string_value(json_object_get(decision, member));

	return text && !strcmp(text, word);
}

/* Does a rule deny it, at either end? No other can allow it then. */
static bool is_forbidden(const struct walk *walk)
{
	const json_t *decision;
	size_t i;

	json_array_foreach (walk->decisions, i, decision)
		if (reads(decision, "verdict", "deny") && !reads(decision, "match", "none"))
			return true;
	return false;
}

/* Refused because no rule allows it, at this end? */
static bool wants_rule(const struct walk *walk, enum party_end end)
{
	static const char *const directions[] = {[END_SOURCE] = "egress", [END_DESTINATION] = "ingress"};
	const json_t *decision;
	size_t i;

	json_array_foreach (walk->decisions, i, decision)
		if (reads(decision, "direction", directions[end]) && reads(decision, "verdict", "deny"))
			return true;
	return false;
}

char *remedy_write(const struct walk *walk)
{
	bool source = wants_rule(walk, END_SOURCE), destination = wants_rule(walk, END_DESTINATION);
	char *text = NULL;
	size_t size;
	FILE *out;

	if (is_forbidden(walk) || (!source && !destination))
		return NULL;
	out = open_text(&text, &size);
	if (source)
		write_policy(out, walk, END_SOURCE);
	if (source && destination)
		fputs("---\n", out);
	if (destination)
		write_policy(out, walk, END_DESTINATION);
	fclose(out);
	return text;
}
