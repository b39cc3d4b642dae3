/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints on disk: state-dir/endpoints/ID.json. Written before anything is made that it must account for ("wired" is
 * false then), again when the pod is wired or its identity changes, removed last.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/endpoint/entry.h"
#include "base/file.h"
#include "base/memory.h"

#define FORMAT_VERSION 1
#define FILE_SIZE_MAX  (256 * 1024)

static char *file_path(const struct endpoint_entry *entry)
{
	return xasprintf("%s/%u.json", entry->endpoints->folder, entry->id);
}

static json_t *addr_to_json(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	return addr_is_zero(addr) ? json_null() : json_string(addr_format(addr, text));
}

static json_t *entry_to_json(const struct endpoint_entry *entry)
{
	const struct pod_link *link = &entry->link;

	return json_pack("{s:i, s:b, s:b, s:I, s:i, s:i, s:o, s:o, s:O}", "version", FORMAT_VERSION, "wired",
	                 entry->wired, "audit", entry->audit, "created", (json_int_t)entry->created, "identity",
	                 entry->identity, "mtu", link->mtu, "ipv4", addr_to_json(&link->address[FAMILY_V4]), "ipv6",
	                 addr_to_json(&link->address[FAMILY_V6]), "request", entry->spec.json);
}

static int write_file(const struct endpoint_entry *entry)
{
	_cleanup_free_ char *path = file_path(entry), *text = NULL;
	json_t *json = entry_to_json(entry);

	text = json_dumps(json, JSON_INDENT(2));
	json_decref(json);
	return file_write_atomic(path, text, strlen(text), 0600);
}

/* Somebody removed the folder. */
static int write_all(const struct endpoints *endpoints)
{
	const struct endpoint_entry *entry;
	int result;

	result = folder_make(endpoints->folder, 0700);
	endpoints_foreach (endpoints, entry)
		result = result ?: write_file(entry);
	return result;
}

int endpoint_file_write(const struct endpoint_entry *entry, struct error *error)
{
	_cleanup_free_ char *path = file_path(entry);
	int result;

	result = write_file(entry);
	if (result == -ENOENT)
		result = write_all(entry->endpoints);
	return result ? error_set_errno(error, result, "writing %s", path) : 0;
}

static int read_address(json_t *json, const char *name, struct addr *ret, struct error *error)
{
	const char *text = json_string_value(json_object_get(json, name));

	if (text && addr_parse(text, ret))
		return error_set(error, -EINVAL, "\"%s\" is no address", name);
	return 0;
}

static int read_numbers(json_t *json, struct endpoint_entry *entry, struct error *error)
{
	json_int_t created, identity, mtu;
	json_error_t wrong;
	int version, wired;

	if (json_unpack_ex(json, &wrong, 0, "{s:i, s:b, s:I, s:I, s:I}", "version", &version, "wired", &wired,
	                   "created", &created, "identity", &identity, "mtu", &mtu))
		return error_set(error, -EINVAL, "%s", wrong.text);
	if (version != FORMAT_VERSION)
		return error_set(error, -EINVAL, "its version is %d, not %d", version, FORMAT_VERSION);
	if (identity < 0 || identity > UINT32_MAX || mtu <= 0 || mtu > UINT16_MAX || (wired && !identity))
		return error_set(error, -EINVAL, "its identity or MTU cannot be");
	entry->wired = wired;
	entry->audit = json_is_true(json_object_get(json, "audit")); /* files of before have none */
	entry->created = created;
	entry->identity = identity;
	entry->link.mtu = mtu;
	return 0;
}

static int read_entry(json_t *json, struct endpoint_entry *entry, struct error *error)
{
	struct pod_link *link = &entry->link;
	int result;

	result = read_numbers(json, entry, error);
	if (!result)
		result = read_address(json, "ipv4", &link->address[FAMILY_V4], error);
	if (!result)
		result = read_address(json, "ipv6", &link->address[FAMILY_V6], error);
	if (!result)
		result = endpoint_spec_parse(json_object_get(json, "request"), &entry->spec, error);
	if (result)
		return result;
	entry->labels = endpoint_spec_labels(&entry->spec, error);
	pod_link_name(link, entry->id, entry->spec.container, entry->spec.interface);
	return 0;
}

int endpoint_file_read(struct endpoint_entry *entry, struct error *error)
{
	_cleanup_free_ char *path = file_path(entry), *text = NULL;
	json_error_t wrong;
	json_t *json;
	size_t size;
	int result;

	result = file_read(path, FILE_SIZE_MAX, &text, &size);
	if (result)
		return error_set_errno(error, result, "reading %s", path);
	json = json_loadb(text, size, 0, &wrong);
	if (!json)
		return error_set(error, -EINVAL, "%s:%d: %s", path, wrong.line, wrong.text);
	result = read_entry(json, entry, error);
	json_decref(json);
	if (result)
		error_prefix(error, "%s", path);
	return result;
}

int endpoint_file_remove(const struct endpoint_entry *entry, struct error *error)
{
	_cleanup_free_ char *path = file_path(entry);

	int result = unlink(path) ? -errno : 0;

	/* What is not there is not removed from a read-only disk either. */
	return result && !access(path, F_OK) ? error_set_errno(error, result, "removing %s", path) : 0;
}

int endpoint_file_set_aside(const struct endpoint_entry *entry, struct error *error)
{
	_cleanup_free_ char *path = file_path(entry);
	_cleanup_free_ char *aside = xasprintf("%s/%u" ENDPOINT_FILE_ASIDE, entry->endpoints->folder, entry->id);

	if (rename(path, aside))
		return error_set_errno(error, -errno, "setting %s aside", path);
	return 0;
}
