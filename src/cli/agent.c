/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/agent.h"

#include <errno.h>

#include "base/cleanup.h"
#include "cli/show.h"
#include "http/client.h"

static int ask(const struct cli *cli, const char *method, const char *path, json_t *request, json_type type,
               json_t **ret, struct error *error)
{
	json_auto_t *body = NULL;
	json_t *element;
	size_t i;
	int r = http_request(cli->socket, method, path, request, &body, error);
	bool wrong;

	if (r < 0)
		return r;
	wrong = !body || json_typeof(body) != type;
	json_array_foreach (body, i, element)
		wrong |= !json_is_object(element);
	if (wrong)
		return error_set(error, -EPROTO, "the agent's answer to %s is not what was asked for: another version?",
		                 path);
	*ret = json_incref(body);
	return 0;
}

int agent_get_object(const struct cli *cli, const char *path, json_t **ret, struct error *error)
{
	return ask(cli, "GET", path, NULL, JSON_OBJECT, ret, error);
}

int agent_post_object(const struct cli *cli, const char *path, json_t **ret, struct error *error)
{
	return ask(cli, "POST", path, NULL, JSON_OBJECT, ret, error);
}

int agent_get_array(const struct cli *cli, const char *path, json_t **ret, struct error *error)
{
	return ask(cli, "GET", path, NULL, JSON_ARRAY, ret, error);
}

int agent_put_array(const struct cli *cli, const char *path, json_t *request, json_t **ret, struct error *error)
{
	return ask(cli, "PUT", path, request, JSON_ARRAY, ret, error);
}

int agent_delete(const struct cli *cli, const char *path, json_t **ret, struct error *error)
{
	return ask(cli, "DELETE", path, NULL, JSON_ARRAY, ret, error);
}

static int write_piece(void *userdata, const void *data, size_t size)
{
	return fwrite(data, 1, size, userdata) == size ? 0 : -ENOMEM;
}

int agent_get_text(const struct cli *cli, const char *path, char **ret, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	int r;

	if (!file)
		return error_set_errno(error, -errno, "cannot keep the answer to %s", path);
	r = http_stream(cli->socket, path, write_piece, file, error);
	if (fclose(file) && !r)
		r = error_set_errno(error, -errno, "cannot keep the answer to %s", path);
	if (!r)
		*ret = TAKE_PTR(text);
	return r;
}

void agent_complete(const struct cli *cli, const char *path, const char *key)
{
	json_auto_t *elements = NULL;
	json_t *element;
	size_t i;

	if (agent_get_array(cli, path, &elements, NULL) < 0)
		return;
	json_array_foreach (elements, i, element) {
		value_write(json_object_get(element, key), cli->out);
		fputc('\n', cli->out);
	}
}
