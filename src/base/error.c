/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors in words.
 */
#include "base/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Arguments may point into error->message, so words are put together aside first. */
struct words {
	char text[sizeof(((struct error *)0)->message)];
};

static void words_vset(struct words *words, const char *format, va_list arguments)
{
	vsnprintf(words->text, sizeof(words->text), format, arguments);
}

static void words_append(struct words *words, const char *text)
{
	strncat(words->text, ": ", sizeof(words->text) - strlen(words->text) - 1);
	strncat(words->text, text, sizeof(words->text) - strlen(words->text) - 1);
}

/* What the words quote may come from anywhere: it stays on one line and does not steer a terminal. */
static int record(struct error *error, int code, const struct words *words)
{
	size_t length = strlen(words->text);

	error->code = code;
	for (size_t i = 0; i <= length; i++)
		error->message[i] = i < length && iscntrl((unsigned char)words->text[i]) ? ' ' : words->text[i];
	return code;
}

int error_set(struct error *error, int code, const char *format, ...)
{
	struct words words;
	va_list arguments;

	if (!error)
		return code;
	va_start(arguments, format);
	words_vset(&words, format, arguments);
	va_end(arguments);
	return record(error, code, &words);
}

int error_set_errno(struct error *error, int code, const char *format, ...)
{
	struct words words;
	va_list arguments;

	if (!error)
		return code;
	va_start(arguments, format);
	words_vset(&words, format, arguments);
	va_end(arguments);
	words_append(&words, strerror(-code));
	return record(error, code, &words);
}

int error_prefix(struct error *error, const char *format, ...)
{
	struct words words;
	va_list arguments;

	if (!error)
		return 0;
	va_start(arguments, format);
	words_vset(&words, format, arguments);
	va_end(arguments);
	words_append(&words, error->message);
	return record(error, error->code, &words);
}
