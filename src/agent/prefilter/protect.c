/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prefilter/protect.h"

#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"

#define SSH_PORT        22
#define TCP_ESTABLISHED 1

void protected_clear(struct protected *list)
{
	free(list->items);
	*list = (struct protected){};
}

void protected_add(struct protected *list, const struct addr *addr, const char *what)
{
	struct protected_address item = {.addr = *addr};

	if (addr_is_loopback(addr) || addr_is_zero(addr))
		return;
	strncpy(item.what, what, sizeof(item.what) - 1);
	list->items = xrealloc(list->items, (list->count + 1) * sizeof(item));
	list->items[list->count++] = item;
}

static void add_sockaddr(struct protected *list, const struct sockaddr *address, const char *what)
{
	struct addr addr;

	if (address->sa_family == AF_INET) {
		addr = addr_from_v4(((const struct sockaddr_in *)address)->sin_addr.s_addr);
	} else if (address->sa_family == AF_INET6) {
		memcpy(&addr, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof(addr));
	} else {
		return;
	}
	protected_add(list, &addr, what);
}

static void add_host(struct protected *list, const char *host, const char *what)
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found;

	if (getaddrinfo(host, NULL, &wanted, &found))
		return;
	for (const struct addrinfo *address = found; address; address = address->ai_next)
		add_sockaddr(list, address->ai_addr, what);
	freeaddrinfo(found);
}

/* The hosts of KIND:SCHEME://HOST[:PORT],HOST[:PORT]/PATH. */
static void add_store(struct protected *list, const char *url)
{
	const char *hosts = strstr(url, "://");
	_cleanup_free_ char *copy = xstrdup(hosts ? hosts + 3 : "");
	char *rest = copy, *host;

	copy[strcspn(copy, "/")] = 0;
	while ((host = strsep(&rest, ","))) {
		bool bracketed = *host == '[';

		host += bracketed;
		host[strcspn(host, bracketed ? "]" : ":")] = 0;
		if (*host)
			add_host(list, host, "the store");
	}
}

/* Whoever this process is connected to, whatever for. */
static void add_peers(struct protected *list)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		struct sockaddr_storage address = {};
		socklen_t size = sizeof(address);

		if (!getpeername(atoi(entry->d_name), (struct sockaddr *)&address, &size))
			add_sockaddr(list, (struct sockaddr *)&address, "whom this agent talks to");
	}
	if (folder)
		closedir(folder);
}

/* proc_net_tcp(5): addresses are words in the order of this machine. */
static bool parse_address(const char *text, struct addr *ret)
{
	struct addr addr = {};
	unsigned words = strlen(text) / 8;

	for (unsigned i = 0; i < words && i < 4; i++) {
		char word[9] = "";

		memcpy(word, text + 8 * i, 8);
		addr.word[i] = strtoul(word, NULL, 16);
	}
	*ret = words == 1 ? addr_from_v4(addr.word[0]) : addr;
	return words == 1 || words == 4;
}

static void add_ssh_clients(struct protected *list, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char line[256], remote[33];
	unsigned port, state;
	struct addr addr;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " %*u: %*[0-9A-F]:%x %32[0-9A-F]:%*x %x", &port, remote, &state) == 3 &&
		    port == SSH_PORT && state == TCP_ESTABLISHED && parse_address(remote, &addr))
			protected_add(list, &addr, "a client of this host's SSH");
}

void protected_find(struct protected *list, const char *store_url)
{
	add_store(list, store_url);
	add_peers(list);
	add_ssh_clients(list, "/proc/net/tcp");
	add_ssh_clients(list, "/proc/net/tcp6");
}

int protect(const struct protected *list, const struct view *after, struct error *error)
{
	for (size_t i = 0; i < list->count; i++) {
		char address[ADDR_TEXT_MAX], cidr[PREFIX_TEXT_MAX];
		struct prefilter_entry entry;
		struct prefix prefix;

		entry = view_find(after, PREFILTER_SOURCE, &list->items[i].addr, &prefix);
		if (entry.verdict != PREFILTER_DENY)
			continue;
		addr_format(&list->items[i].addr, address);
		prefix_format(&prefix, cidr);
		return error_set(error, -EPERM,
		                 "%s (in %s) would refuse %s, %s: allow that first, or use --force to lock it out",
		                 cidr, after->sets[entry.set]->name, address, list->items[i].what);
	}
	return 0;
}
