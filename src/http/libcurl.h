/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when it is first needed: with all that it stands on it makes a process 3 MB larger, and most nodes
 * ask no web server. For async.c; elsewhere libcurl does not show.
 */
#ifndef PILUS_HTTP_LIBCURL_H
#define PILUS_HTTP_LIBCURL_H

#include <curl/curl.h>

#include "base/error.h"

#define LIBCURL_FUNCTIONS(X)   \
	X(easy_cleanup)        \
	X(easy_getinfo)        \
	X(easy_init)           \
	X(easy_setopt)         \
	X(easy_strerror)       \
	X(multi_add_handle)    \
	X(multi_assign)        \
	X(multi_cleanup)       \
	X(multi_info_read)     \
	X(multi_init)          \
	X(multi_remove_handle) \
	X(multi_setopt)        \
	X(multi_socket_action) \
	X(slist_append)        \
	X(slist_free_all)

/* libcurl.easy_init is curl_easy_init, and so on: after libcurl_load. */
struct libcurl {
#define X(name) __typeof__(&curl_##name) name;
	LIBCURL_FUNCTIONS(X)
#undef X
};
extern struct libcurl libcurl;

/* Stays loaded. -ENOENT when it is not installed. */
int libcurl_load(struct error *error);

#endif
