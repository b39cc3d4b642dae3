/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stays in force while the store has something else that is no policy: STATE_DIR/policies.json, key -> object. It
 * is for the agent that comes after; in a healthy cluster the file is empty, or not there.
 */
#include <errno.h>
#include <string.h>

#include "agent/policy/internal.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

static char *path_of(const struct policies *policies)
{
	return xasprintf("%s/policies.json", policies->services.config->state_dir);
}

void kept_read(struct policies *policies)
{
	_cleanup_free_ char *path = path_of(policies);
	json_error_t fault;

	policies->kept = json_load_file(path, 0, &fault);
	if (!policies->kept && json_error_code(&fault) != json_error_cannot_open_file)
		log_error("%s cannot be read, policies that are wrong in the store are not enforced: %s", path,
		          fault.text);
	if (!json_is_object(policies->kept)) {
		json_decref(policies->kept);
		policies->kept = json_object();
	}
}

static int write_file(const struct policies *policies, const char *path)
{
	_cleanup_free_ char *text = json_dumps(policies->kept, JSON_INDENT(2));
	int result = folder_make(policies->services.config->state_dir, 0700);

	return result ? result : file_write_atomic(path, text, strlen(text), 0600);
}

void kept_write(struct policies *policies)
{
	_cleanup_free_ char *path = path_of(policies);
	int result;

	if (!policies->kept_changed)
		return;
	result = write_file(policies, path);
	policies->kept_changed = result;
	if (result)
		log_error("policies that are wrong in the store would not be in force after a restart: cannot write "
		          "%s: %s",
		          path, strerror(-result));
}

static void on_timer(uv_timer_t *timer)
{
	kept_write(timer->data);
}

/* Once for all that the store tells in one go. */
static void write_soon(struct policies *policies)
{
	policies->kept_changed = true;
	uv_timer_start(&policies->keeping, on_timer, 0, 0);
}

void kept_put(struct policies *policies, const char *key, const char *text)
{
	json_t *value;

	if (json_object_get(policies->kept, key))
		return;
	value = json_loads(text, 0, NULL);
	if (value && !json_object_set_new(policies->kept, key, value))
		write_soon(policies);
}

void kept_drop(struct policies *policies, const char *key)
{
	if (!json_object_del(policies->kept, key))
		write_soon(policies);
}

void kept_settle(struct policies *policies)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe (policies->kept, next, key, value)
		if (!object_find(policies, key))
			kept_drop(policies, key);
}
