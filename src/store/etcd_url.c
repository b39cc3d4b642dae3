/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd_url.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "store/backend.h"

#define DEFAULT_PORT   "2379"
#define DEFAULT_PREFIX "pilus"
#define HINT           "write etcd:http://HOST:PORT[,HOST:PORT]...[/PREFIX]"

void etcd_url_clear(struct etcd_url *url)
{
	for (unsigned i = 0; i < url->member_count; i++)
		free(url->members[i]);
	free(url->prefix);
	*url = (struct etcd_url){};
}

static bool port_valid(const char *port)
{
	size_t length = strlen(port);

	return length && length <= 5 && strspn(port, "0123456789") == length && atoi(port) >= 1 && atoi(port) <= 65535;
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static size_t host_length(const char *member)
{
	size_t length;

	if (*member != '[')
		return strspn(member, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");
	length = strspn(member + 1, "0123456789abcdefABCDEF:.");
	return length && member[length + 1] == ']' ? length + 2 : 0;
}

static int add_member(struct etcd_url *url, const char *scheme, const char *member, struct error *error)
{
	size_t host = host_length(member);
	const char *port = member[host] == ':' ? member + host + 1 : DEFAULT_PORT;

	if (!host || (member[host] && member[host] != ':') || !port_valid(port))
		return error_set(error, -EINVAL, "\"%s\" is no HOST:PORT; " HINT, member);
	if (url->member_count == ETCD_MEMBERS_MAX)
		return error_set(error, -EINVAL, "at most %d members of etcd can be given", ETCD_MEMBERS_MAX);
	url->members[url->member_count++] = xasprintf("%s://%.*s:%s", scheme, (int)host, member, port);
	return 0;
}

static int set_prefix(struct etcd_url *url, const char *prefix, struct error *error)
{
	if (!store_key_valid(prefix))
		return error_set(
			error, -EINVAL,
			"\"%s\" is no prefix for keys: use letters, digits, '.', '_', '-' and '/' between them",
			prefix);
	url->prefix = xasprintf("/%s/", prefix);
	return 0;
}

static int parse(const char *location, struct etcd_url *url, struct error *error)
{
	const char *scheme = !strncmp(location, "http://", 7)    ? "http"
	                     : !strncmp(location, "https://", 8) ? "https"
	                                                         : NULL;
	_cleanup_free_ char *members = NULL;
	char *rest, *member;
	const char *slash;
	int result = 0;

	if (!scheme)
		return error_set(error, -EINVAL, "\"etcd:%s\" is no etcd; " HINT, location);
	location += strlen(scheme) + strlen("://");
	slash = strchrnul(location, '/');
	rest = members = xasprintf("%.*s", (int)(slash - location), location);
	while (!result && (member = strsep(&rest, ",")))
		result = add_member(url, scheme, member, error);
	if (result < 0)
		return result;
	return set_prefix(url, *slash && slash[1] ? slash + 1 : DEFAULT_PREFIX, error);
}

int etcd_url_parse(const char *location, struct etcd_url *ret, struct error *error)
{
	struct etcd_url url = {};
	int result = parse(location, &url, error);

	if (result < 0) {
		etcd_url_clear(&url);
		return result;
	}
	*ret = url;
	return 0;
}
