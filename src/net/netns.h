/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces of other processes.
 */
#ifndef PILUS_NET_NETNS_H
#define PILUS_NET_NETNS_H

#include "base/error.h"

/* Opens the namespace at `path` for setns or IFLA_NET_NS_FD; refuses what is no network namespace. The caller closes
 * *ret. */
int netns_open(const char *path, int *ret, struct error *error);

/*
 * A namespace of our own, which lives at `path` without any process until it is dropped: makes file and namespace, or
 * keeps the one that is there.
 */
int netns_keep(const char *path, struct error *error);
int netns_drop(const char *path, struct error *error); /* none there is success */

/*
 * Calls `function` with the calling thread inside the namespace and brings the thread back. Returns what `function`
 * returned, or −errno when the way in was barred. A thread that cannot be brought back ends the process: it must not go
 * on in a pod.
 */
int netns_call(int netns_fd, int (*function)(void *userdata), void *userdata, struct error *error);

#endif
