/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd_login.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

#define PASSWORD_MAX 4096

bool etcd_login_missing(const struct etcd_login *login)
{
	return login->user && !login->token;
}

json_t *etcd_login_question(const struct etcd_login *login, struct error *error)
{
	_cleanup_free_ char *password = NULL;
	int result = file_read(login->password_file, PASSWORD_MAX, &password, NULL);

	if (result < 0) {
		error_set_errno(error, result, "cannot read the password from %s", login->password_file);
		return NULL;
	}
	*strchrnul(password, '\n') = '\0';
	return json_pack("{s:s, s:s}", "name", login->user, "password", password);
}

int etcd_login_take(struct etcd_login *login, const json_t *answer, struct error *error)
{
	const char *token = json_string_value(json_object_get(answer, "token"));

	if (!token)
		return error_set(error, -EPROTO, "answered without a token: is this an etcd?");
	free(login->token);
	login->token = xstrdup(token);
	login->number++;
	return 0;
}

/* Users and rights were changed, or the token is not known (any more). */
static bool means_token(const struct error *error)
{
	return strstr(error->message, "invalid auth token") || strstr(error->message, "revision of auth store is old");
}

bool etcd_login_expired(struct etcd_login *login, unsigned number, const struct error *error)
{
	if (!login->user || !means_token(error))
		return false;
	if (number == login->number) {
		free(login->token);
		login->token = NULL;
	}
	return true;
}

void etcd_login_explain(const struct etcd_login *login, struct error *error)
{
	static const struct {
		const char *words, *advice;
	} known[] = {
		{"CommonName of client", "beside users, it wants client certificates without a common name"},
		{"user name is empty", "it asks for a user: set store-user and store-password-file"},
		{"invalid user ID or password", "check store-user and store-password-file"},
		{"authentication is not enabled", "it has no users: remove store-user and store-password-file"},
		{"permission denied", "the user needs a role that may read and write the store's prefix"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		_cleanup_free_ char *words = NULL;

		if (!strstr(error->message, known[i].words))
			continue;
		words = xstrdup(error->message);
		error_set(error, error->code, "%s: %s", words, known[i].advice);
		return;
	}
}

void etcd_login_clear(struct etcd_login *login)
{
	free(login->token);
	*login = (struct etcd_login){};
}
