/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: lines on standard error, `TIME LEVEL message`, or with systemd's <n> prefixes when the journal reads. Only
 * the caller that decides what an error means logs it, once; library code logs at debug at most.
 */
#ifndef PILUS_BASE_LOG_H
#define PILUS_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines of this level since the process began, written or not. */
unsigned long log_count(enum log_level level);

void log_set_level(enum log_level level);

/* Returns 0 and fills *ret for "error", "warning", "info", "debug"; else -EINVAL. */
int log_level_parse(const char *name, enum log_level *ret);
const char *log_level_name(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
