/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents, kinds and metadata. What is in a spec is read by parse_kubernetes.c and parse_cilium.c.
 */
#include "policy/parse.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "policy/parse_internal.h"

#define NAME_MAX_LENGTH   253
#define LABEL_MAX_LENGTH  63
#define NAMESPACE_DEFAULT "default"

#define REPEATS_MAX 1000000 /* places that are read again, by aliases */

static const struct kind {
	const char *version, *name;
	enum policy_kind kind;
	place_fn read_spec;
} KINDS[] = {
	{"networking.k8s.io/v1", "NetworkPolicy", POLICY_KUBERNETES, parse_kubernetes_spec},
	{"cilium.io/v2", "CiliumNetworkPolicy", POLICY_CILIUM, parse_cilium_spec},
	{"cilium.io/v2", "CiliumClusterwideNetworkPolicy", POLICY_CILIUM_CLUSTERWIDE, parse_cilium_spec},
};

#define KIND_COUNT (sizeof(KINDS) / sizeof(*KINDS))

/* One object of the file while it is read. */
struct object {
	const struct kind *kind;
	char *space, *name;
	struct policy_list *list; /* where its policies go */
	bool has_spec;
};

/* ── metadata ── */

/* RFC 1123, in lower case as everywhere in Kubernetes. */
static bool is_label(const char *text, size_t length)
{
	return length && length <= LABEL_MAX_LENGTH &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= length && text[0] != '-' &&
	       text[length - 1] != '-';
}

/* Labels with dots between them. */
static bool is_name(const char *text)
{
	size_t length = strcspn(text, ".");

	if (strlen(text) > NAME_MAX_LENGTH || !is_label(text, length))
		return false;
	return !text[length] || is_name(text + length + 1);
}

static void read_object_name(const struct place *place, void *userdata)
{
	struct object *object = userdata;

	const char *text = place_text(place);

	if (text && is_name(text))
		object->name = xstrdup(text);
	else if (text)
		place_problem(place, "must be of lower case letters, digits, '-' and '.', not '%s'", text);
}

static void read_namespace(const struct place *place, void *userdata)
{
	struct object *object = userdata;
	const char *text = place_text(place);

	if (object->kind->kind == POLICY_CILIUM_CLUSTERWIDE) {
		place_problem(place, "a clusterwide policy is in no namespace");
	} else if (text && is_label(text, strlen(text))) {
		free(object->space);
		object->space = xstrdup(text);
	} else if (text) {
		place_problem(place, "must be of at most %d lower case letters, digits and '-', not '%s'",
		              LABEL_MAX_LENGTH, text);
	}
}

static void read_metadata(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {
		{"name", read_object_name, .must = true},
		{"namespace", read_namespace},
		{"annotations"},
		{"creationTimestamp"},
		{"deletionGracePeriodSeconds"},
		{"deletionTimestamp"},
		{"finalizers"},
		{"generation"},
		{"labels"},
		{"managedFields"},
		{"ownerReferences"},
		{"resourceVersion"},
		{"selfLink"},
		{"uid"},
		{},
	};
	place_fields(place, fields, userdata);
}

/* ── specs ── */

/* Each is a policy of its own, with the object's name. */
static void read_spec(const struct place *place, void *userdata)
{
	struct object *object = userdata;
	struct policy *policy = xnew(struct policy);

	policy->kind = object->kind->kind;
	policy->name = xstrdup(object->name ?: "");
	policy->space = object->space ? xstrdup(object->space) : NULL;
	policy_list_add(object->list, policy);
	object->has_spec = true;
	object->kind->read_spec(place, policy);
}

static void read_specs(const struct place *place, void *userdata)
{
	place_items(place, read_spec, userdata);
}

static void read_body(const struct place *place, struct object *object)
{
	static const struct place_field kubernetes[] = {
		{"apiVersion"}, {"kind"}, {"metadata"}, {"spec", read_spec}, {"status"}, {},
	};
	static const struct place_field cilium[] = {
		{"apiVersion"}, {"kind"}, {"metadata"}, {"spec", read_spec}, {"specs", read_specs}, {"status"}, {},
	};

	place_fields(place, object->kind->kind == POLICY_KUBERNETES ? kubernetes : cilium, object);
	if (!object->has_spec)
		place_problem(place, "spec is missing");
}

/* The metadata come first, wherever they stand: a spec's selectors need the namespace. */
static void read_policy(const struct place *place, const struct kind *kind, struct policy_list *list)
{
	struct object object = {.kind = kind, .list = list};
	struct place metadata;

	if (kind->kind != POLICY_CILIUM_CLUSTERWIDE)
		object.space = xstrdup(NAMESPACE_DEFAULT);
	if (place_find(place, "metadata", &metadata))
		read_metadata(&metadata, &object);
	else
		place_problem(place, "metadata is missing");
	read_body(place, &object);
	free(object.space);
	free(object.name);
}

/* ── documents ── */

static const char *scalar_of(const struct place *place, const char *field)
{
	struct place child;

	if (!place_find(place, field, &child)) {
		place_problem(place, "%s is missing", field);
		return NULL;
	}
	return place_text(&child);
}

static void read_kind(const struct place *place, const char *version, const char *kind, struct policy_list *list)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (!strcmp(KINDS[i].version, version) && !strcmp(KINDS[i].name, kind)) {
			read_policy(place, &KINDS[i], list);
			return;
		}
	place_problem(place,
	              "is a %s of %s: only NetworkPolicy of networking.k8s.io/v1, CiliumNetworkPolicy and "
	              "CiliumClusterwideNetworkPolicy of cilium.io/v2 are policies",
	              kind, version);
}

/* What every object begins with. */
static bool read_head(const struct place *place, const char **ret_version, const char **ret_kind)
{
	if (place->node->type != YAML_MAPPING_NODE) {
		place_problem(place, "must be an object with apiVersion, kind, metadata and spec");
		return false;
	}
	*ret_version = scalar_of(place, "apiVersion");
	*ret_kind = scalar_of(place, "kind");
	return *ret_version && *ret_kind;
}

static bool is_list(const char *kind)
{
	size_t length = strlen(kind);

	return length >= 4 && !strcmp(kind + length - 4, "List");
}

/* A policy: there are no lists in lists. */
static void read_item(const struct place *place, void *userdata)
{
	const char *version, *kind;

	if (read_head(place, &version, &kind))
		read_kind(place, version, kind, userdata);
}

static void read_list(const struct place *place, struct policy_list *list)
{
	struct place items;

	if (place_find(place, "items", &items))
		place_items(&items, read_item, list);
	else
		place_problem(place, "items is missing");
}

static void read_object(const struct place *place, struct policy_list *list)
{
	const char *version, *kind;

	if (!read_head(place, &version, &kind))
		return;
	if (is_list(kind))
		read_list(place, list);
	else
		read_kind(place, version, kind, list);
}

static void read_document(const struct document *document, struct policy_list *list)
{
	const struct place place = {.document = document, .node = yaml_document_get_root_node(document->yaml)};

	/* Nothing between two separators, or only comments. */
	if (!place.node || place_is_null(&place))
		return;
	read_object(&place, list);
}

/* Returns whether there may be more: after the last comes one without a root. */
static bool read_next(yaml_parser_t *parser, const char *file, struct policy_list *list, struct problems *problems)
{
	yaml_document_t yaml;
	size_t left;
	bool more;

	if (!yaml_parser_load(parser, &yaml)) {
		problems_add_yaml(problems, file, parser);
		return false;
	}
	more = yaml_document_get_root_node(&yaml);
	left = (size_t)(yaml.nodes.top - yaml.nodes.start) + REPEATS_MAX;
	read_document(&(struct document){.file = file, .yaml = &yaml, .problems = problems, .left = &left}, list);
	yaml_document_delete(&yaml);
	return more;
}

int policy_parse(const char *file, const char *text, size_t size, struct policy_list *list, struct problems *problems)
{
	struct policy_list found = {};
	size_t before = problems->count;
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (read_next(&parser, file, &found, problems))
		;
	yaml_parser_delete(&parser);
	for (size_t i = 0; problems->count == before && i < found.count; i++)
		policy_list_add(list, TAKE_PTR(found.policies[i]));
	policy_list_clear(&found);
	return problems->count == before ? 0 : -EINVAL;
}
