/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel settings in /proc/sys. Those below "net/" are of the network namespace the calling thread is in (netns_call).
 */
#ifndef PILUS_NET_SYSCTL_H
#define PILUS_NET_SYSCTL_H

/* The path comes without "/proc/sys/": sysctl_write("0", "net/ipv4/conf/%s/rp_filter", device). Returns 0 or −errno. */
int sysctl_write(const char *value, const char *path_format, ...) __attribute__((format(printf, 2, 3)));

#endif
