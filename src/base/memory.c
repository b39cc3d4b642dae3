/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that does not fail.
 */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static void *filled(void *pointer)
{
	if (!pointer) {
		log_error("out of memory");
		_exit(EXIT_FAILURE);
	}
	return pointer;
}

void *xcalloc(size_t count, size_t size)
{
	/* One byte at least: calloc may answer NULL for none. */
	return filled(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *pointer, size_t size)
{
	return filled(realloc(pointer, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return filled(strdup(text));
}

char *xasprintf(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return filled(length < 0 ? NULL : text);
}
