/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/symbols/demangle.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"

typedef char *(*demangler)(const char *name, char *buffer, size_t *size, int *status);

/* The one that knows how is the C++ library: loaded when the first such name comes, and not missed elsewhere. */
static demangler load(void)
{
	void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);

	return library ? (demangler)dlsym(library, "__cxa_demangle") : NULL;
}

char *demangle(const char *name)
{
	static demangler known;
	static int looked;
	char *told = NULL;
	int status;

	if (!strncmp(name, "_Z", 2)) {
		if (!looked++)
			known = load();
		told = known ? known(name, NULL, NULL, &status) : NULL;
	}
	return told ? told : xstrdup(name);
}
