/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an etcd store is: "http://HOST[:PORT][,HOST[:PORT]]...[/PREFIX]", https alike.
 */
#ifndef PILUS_STORE_ETCD_URL_H
#define PILUS_STORE_ETCD_URL_H

#include "base/error.h"

#define ETCD_MEMBERS_MAX 16

struct etcd_url {
	char *members[ETCD_MEMBERS_MAX]; /* "http://10.0.0.1:2379" */
	unsigned member_count;
	char *prefix; /* of all keys, with both slashes: "/pilus/" */
};

int etcd_url_parse(const char *location, struct etcd_url *ret, struct error *error);
void etcd_url_clear(struct etcd_url *url);

#endif
