/* SPDX-License-Identifier: Apache-2.0 */
#include "http/libcurl.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#define SONAME "libcurl.so.4"

struct libcurl libcurl;

static bool find(void *library)
{
#define X(name)                                       \
	libcurl.name = dlsym(library, "curl_" #name); \
	if (!libcurl.name)                            \
		return false;
	LIBCURL_FUNCTIONS(X)
#undef X
	return true;
}

int libcurl_load(struct error *error)
{
	void *library = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);

	if (!library || !find(library))
		return error_set(error, -ENOENT, "cannot load libcurl, which etcd is asked with (%s): is it installed?",
		                 dlerror() ?: "no reason is given");
	return 0;
}
