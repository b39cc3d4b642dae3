/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of the prefilter by JSON: part of agent/prefilter/prefilter.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/prefilter/keeper.h"
#include "base/memory.h"

static const char *const verbs[] = {[CHANGE_ADD] = "add", [CHANGE_DELETE] = "delete", [CHANGE_REPLACE] = "replace"};

static int check_members(json_t *body, const char *const *known, struct error *error)
{
	const char *key;
	json_t *value;

	if (!json_is_object(body))
		return error_set(error, -EINVAL, "the body must be a JSON object");
	json_object_foreach (body, key, value) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], key))
			i++;
		if (!known[i])
			return error_set(error, -EINVAL, "\"%s\" means nothing here", key);
	}
	return 0;
}

static void note_fault(void *userdata, size_t line, const char *text, const char *fault)
{
	struct error *error = userdata;

	if (!error->code)
		error_set(error, -EINVAL, "cidrs, line %zu: \"%s\" %s", line, text, fault);
}

/* As in a file: quicker than a list, for many. */
static int parse_lines(const char *lines, struct cidrs *ret, struct error *error)
{
	_cleanup_free_ char *text = xstrdup(lines);
	struct error first = {};

	if (!cidrs_read(text, ret, note_fault, &first))
		return 0;
	return error_set(error, first.code, "%s", first.message);
}

/* The first that is wrong is named, and how many more there are. */
static int parse_cidrs(const json_t *list, struct cidrs *ret, struct error *error)
{
	size_t i, faults = 0;
	struct prefix prefix;
	json_t *item;

	if (json_is_string(list))
		return parse_lines(json_string_value(list), ret, error);
	if (list && !json_is_array(list))
		return error_set(error, -EINVAL, "cidrs: must be a list of texts, or a text of lines");
	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item) ?: "";

		if (!prefix_parse(text, &prefix))
			cidrs_add(ret, &prefix);
		else if (!faults++)
			error_set(error, -EINVAL, "cidrs[%zu]: \"%s\" %s", i, text, cidr_fault(text));
	}
	if (faults > 1)
		error_prefix(error, "%zu entries are wrong, the first is", faults);
	return faults ? -EINVAL : 0;
}

static int parse_number(const json_t *body, const char *key, json_int_t max, json_int_t *ret, struct error *error)
{
	const json_t *value = json_object_get(body, key);

	if (value && (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > max))
		return error_set(error, -EINVAL, "%s: must be a number from 1 on", key);
	*ret = json_integer_value(value);
	return 0;
}

static int parse_verb(const json_t *body, enum change_verb *ret, struct error *error)
{
	const char *text = json_string_value(json_object_get(body, "verb")) ?: "";

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i], text)) {
			*ret = i;
			return 0;
		}
	return error_set(error, -EINVAL, "verb: must be add, delete or replace, not \"%s\"", text);
}

static int parse_set(const json_t *body, const char **ret, struct error *error)
{
	static const char *const sets[] = {"local.deny", "local.allow", "local.deny-to", "local.allow-to"};
	const json_t *value = json_object_get(body, "set");
	const char *text = value ? json_string_value(value) ?: "" : sets[0];

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (!strcmp(sets[i], text)) {
			*ret = sets[i];
			return 0;
		}
	return error_set(error, -EINVAL,
	                 "set: must be local.deny, local.allow, local.deny-to or local.allow-to, not \"%s\"", text);
}

static int parse_protected(const json_t *list, struct protected *ret, struct error *error)
{
	json_t *item;
	size_t i;

	if (list && !json_is_array(list))
		return error_set(error, -EINVAL, "protect: must be a list of addresses");
	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item) ?: "";
		struct addr addr;

		if (addr_parse(text, &addr))
			return error_set(error, -EINVAL, "protect[%zu]: \"%s\" is no address", i, text);
		protected_add(ret, &addr, "where this was asked from");
	}
	return 0;
}

static int parse_force(const json_t *value, bool *ret, struct error *error)
{
	if (value && !json_is_boolean(value))
		return error_set(error, -EINVAL, "force: must be true or false");
	*ret = json_is_true(value);
	return 0;
}

static int parse_request(struct prefilter_keeper *keeper, json_t *body, struct prefilter_request *request,
                         struct error *error)
{
	static const char *const members[] = {"verb", "set", "cidrs", "upload", "revision", "force", "protect", NULL};
	json_int_t upload = 0, revision = 0;
	int r = check_members(body, members, error);

	if (!r)
		r = parse_verb(body, &request->verb, error);
	if (!r)
		r = parse_set(body, &request->set, error);
	if (!r)
		r = parse_number(body, "revision", INT64_MAX, &revision, error);
	if (!r)
		r = parse_number(body, "upload", UINT32_MAX, &upload, error);
	if (!r)
		r = parse_protected(json_object_get(body, "protect"), &request->protected, error);
	if (!r)
		r = parse_force(json_object_get(body, "force"), &request->force, error);
	if (!r && !upload && !json_object_get(body, "cidrs"))
		r = error_set(error, -EINVAL, "cidrs: is missing; an empty list is written []");
	if (!r && upload)
		r = upload_take(keeper->uploads, upload, &request->cidrs, error);
	if (!r)
		r = parse_cidrs(json_object_get(body, "cidrs"), &request->cidrs, error);
	request->revision = revision;
	return r;
}

void prefilter_change(struct prefilter_keeper *keeper, json_t *body, prefilter_done done, void *userdata)
{
	struct prefilter_request request = {};
	struct error error = {};
	int r = parse_request(keeper, body, &request, &error);

	if (!r) {
		prefilter_request(keeper, &request, done, userdata);
		return;
	}
	cidrs_clear(&request.cidrs);
	protected_clear(&request.protected);
	done(userdata, r, 0, keeper->revision, &error);
}

static int parse_upload(const char *text, uint32_t *ret, struct error *error)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (!isdigit(*text) || *end || !number || number > UINT32_MAX)
		return error_set(error, -EINVAL, "upload: must be a number from 1 on");
	*ret = number;
	return 0;
}

int prefilter_upload(struct prefilter_keeper *keeper, const char *upload, json_t *body, json_t **ret,
                     struct error *error)
{
	_cleanup_(cidrs_clear) struct cidrs cidrs = {};
	uint32_t id = 0;
	size_t count;
	int r = upload ? parse_upload(upload, &id, error) : 0;

	if (!r)
		r = parse_cidrs(body, &cidrs, error);
	if (!r)
		r = upload_add(keeper->uploads, &id, &cidrs, &count, error);
	if (!r)
		*ret = json_pack("{s:I, s:I}", "upload", (json_int_t)id, "entries", (json_int_t)count);
	return r;
}
