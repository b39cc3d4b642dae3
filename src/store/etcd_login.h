/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to an etcd that asks for user and password: the token that stands for both in every call, and what etcd
 * means when it refuses one.
 */
#ifndef PILUS_STORE_ETCD_LOGIN_H
#define PILUS_STORE_ETCD_LOGIN_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "store/store.h"

struct etcd_login {
	const char *user, *password_file; /* NULL: nobody is asked for */
	char *token;                      /* NULL: none, or no more */
	unsigned number;                  /* of the token, counted */
};

/* Is a token needed that is not there? */
bool etcd_login_missing(const struct etcd_login *login);

/* To ask for a token; reads the password anew. NULL with words. */
json_t *etcd_login_question(const struct etcd_login *login, struct error *error);
int etcd_login_take(struct etcd_login *login, const json_t *answer, struct error *error);

/* etcd has refused a call made with the token of that number: was it for the token? Then that one is forgotten. */
bool etcd_login_expired(struct etcd_login *login, unsigned number, const struct error *error);

/* Says what to do about etcd's words, where that is known. */
void etcd_login_explain(const struct etcd_login *login, struct error *error);

void etcd_login_clear(struct etcd_login *login);

#endif
