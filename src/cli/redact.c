/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/redact.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

static bool is_space(char letter)
{
	return isspace((unsigned char)letter);
}

/* Where the value of a key called like a secret begins, as in `a-password: x`, `"token": "x"`, `--secret=x`; NULL: no
 * such key, or one without a value. A key that names a file (`password-file: x`) is none. */
static const char *find_secret(const char *line)
{
	static const char *const words[] = {"password", "passwd", "passphrase", "secret", "token"};

	for (const char *at = line; *at; at++)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			size_t length = strlen(words[i]);
			const char *value = at + length;

			if (strncasecmp(at, words[i], length))
				continue;
			value += strspn(value, "\"' \t");
			if (*value != ':' && *value != '=')
				continue;
			value += 1 + strspn(value + 1, " \t");
			if (*value && *value != '\n')
				return value;
		}
	return NULL;
}

/* `://user:password@`: from behind the slashes to the @; NULL: no URL carries any. */
static const char *find_login(const char *line, size_t *ret_length)
{
	for (const char *url = strstr(line, "://"); url; url = strstr(url + 3, "://")) {
		const char *host = memrchr(url + 3, '@', strcspn(url + 3, "/\"' \t\n"));

		if (host) {
			*ret_length = host - (url + 3);
			return url + 3;
		}
	}
	return NULL;
}

/* The line with `length` bytes at `at` replaced. */
static char *replace(const char *line, const char *at, size_t length)
{
	return xasprintf("%.*s" REDACTED "%s", (int)(at - line), line, at + length);
}

static char *redact_key(struct redaction *redaction, const char *line)
{
	bool ends = strstr(line, "-----END ");

	redaction->in_key = !ends;
	return ends ? xstrdup(REDACTED "\n") : xstrdup("");
}

char *redact_line(struct redaction *redaction, const char *line)
{
	_cleanup_free_ char *text = NULL;
	const char *begin, *found;
	size_t length;

	begin = strstr(line, "-----BEGIN ");
	if (redaction->in_key || (begin && strstr(begin, "PRIVATE KEY")))
		return redact_key(redaction, line);
	text = xstrdup(line);
	for (size_t from = 0; (found = find_login(text + from, &length));) {
		char *clean = replace(text, found, length);

		from = found - text + strlen(REDACTED);
		free(text);
		text = clean;
	}
	found = find_secret(text);
	if (!found)
		return TAKE_PTR(text);
	length = strlen(found);
	while (length && is_space(found[length - 1]))
		length--;
	return replace(text, found, length);
}
