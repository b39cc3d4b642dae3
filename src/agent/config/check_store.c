/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the keys that say how to reach the store fit it and each other, and whether their files hold what they
 * should.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "agent/config/keys.h"
#include "base/cleanup.h"
#include "base/file.h"

#define FILE_MAX_BYTES (1 << 20)

static const struct access_key {
	const char *name;
	size_t offset;
	const char *needs; /* another key: each is nothing without the other */
	size_t needs_offset;
	const char *store;         /* the beginning of those that it is for */
	const char *holds, *words; /* what must stand in the file; NULL: it is none */
} access_keys[] = {
#define FIELD(member) offsetof(struct config, member)
#define CERTIFICATE   "-----BEGIN CERTIFICATE-----", "certificate in PEM"
	{"store-ca", FIELD(store_ca), NULL, 0, "etcd:https://", CERTIFICATE},
	{"store-certificate", FIELD(store_certificate), "store-key", FIELD(store_key), "etcd:https://", CERTIFICATE},
	{"store-key", FIELD(store_key), "store-certificate", FIELD(store_certificate), "etcd:https://",
         "PRIVATE KEY-----", "private key in PEM"},
	{"store-user", FIELD(store_user), "store-password-file", FIELD(store_password_file), "etcd:http", NULL, NULL},
	{"store-password-file", FIELD(store_password_file), "store-user", FIELD(store_user), "etcd:http", "", ""},
#undef CERTIFICATE
#undef FIELD
};

static const char *text_at(const struct config *config, size_t offset)
{
	return *(char *const *)((const char *)config + offset);
}

static int check_file(const struct access_key *key, const char *path, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	int result = file_read(path, FILE_MAX_BYTES, &text, NULL);

	if (result < 0)
		return error_set(error, -EINVAL, "cannot read %s: %s", path, strerror(-result));
	if (!*text || *text == '\n')
		return error_set(error, -EINVAL, "%s is empty", path);
	if (!strstr(text, key->holds))
		return error_set(error, -EINVAL, "%s holds no %s", path, key->words);
	return 0;
}

static int check_key(const struct config *config, const struct access_key *key, struct error *error)
{
	const char *text = text_at(config, key->offset);

	if (!text)
		return 0;
	if (strncmp(config->store, key->store, strlen(key->store)))
		return error_set(error, -EINVAL, "is for a store %s… only: set that, or remove this key", key->store);
	if (key->needs && !text_at(config, key->needs_offset))
		return error_set(error, -EINVAL, "needs %s too", key->needs);
	return key->holds ? check_file(key, text, error) : 0;
}

int config_check_store(const struct config *config, const char **ret_key, struct error *error)
{
	for (size_t i = 0; i < sizeof(access_keys) / sizeof(*access_keys); i++) {
		int result = check_key(config, &access_keys[i], error);

		if (result < 0) {
			*ret_key = access_keys[i].name;
			return result;
		}
	}
	return 0;
}
