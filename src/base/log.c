/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log on standard error.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 2048

static const struct {
	const char *name, *label;
	int priority; /* syslog(3)'s, for the journal */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", "ERROR", 3},
	[LOG_LEVEL_WARNING] = {"warning", "WARNING", 4},
	[LOG_LEVEL_INFO] = {"info", "INFO", 6},
	[LOG_LEVEL_DEBUG] = {"debug", "DEBUG", 7},
};
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

static enum log_level highest = LOG_LEVEL_INFO;
static unsigned long counts[LEVELS];

unsigned long log_count(enum log_level level)
{
	return __atomic_load_n(&counts[level], __ATOMIC_RELAXED);
}

void log_set_level(enum log_level level)
{
	highest = level;
}

int log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t level = 0; level < LEVELS; level++)
		if (!strcmp(levels[level].name, name)) {
			*ret = (enum log_level)level;
			return 0;
		}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return levels[level].name;
}

/* JOURNAL_STREAM names the device and inode of the journal's socket: systemd.exec(5). */
static bool journal_reads(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long device, inode;
	struct stat status;

	if (!stream || sscanf(stream, "%lu:%lu", &device, &inode) != 2 || fstat(STDERR_FILENO, &status) < 0)
		return false;
	return status.st_dev == device && status.st_ino == inode;
}

static size_t head(enum log_level level, char *line, size_t size)
{
	char now[CLOCK_TEXT_MAX];

	if (journal_reads())
		return (size_t)snprintf(line, size, "<%d>", levels[level].priority);
	return (size_t)snprintf(line, size, "%s %s ", clock_format(time(NULL), now), levels[level].label);
}

void log_write(enum log_level level, const char *format, ...)
{
	int error_before = errno;
	char line[LINE_MAX_BYTES];
	size_t start, length;
	va_list arguments;

	__atomic_fetch_add(&counts[level], 1, __ATOMIC_RELAXED);
	if (level > highest)
		return;
	start = head(level, line, sizeof(line));
	va_start(arguments, format);
	vsnprintf(line + start, sizeof(line) - 1 - start, format, arguments);
	va_end(arguments);
	length = start + strlen(line + start);

	/* One message is one line: what others sent us cannot make up lines of its own. */
	for (size_t i = start; i < length; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			line[i] = ' ';
	line[length++] = '\n';

	/* One write, so that lines of several processes do not mix. Nobody can be told if it fails. */
	(void)!write(STDERR_FILENO, line, length);
	errno = error_before;
}
