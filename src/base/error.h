/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors that a person will read. Functions return 0 or −errno; those whose failure needs words also take a
 * `struct error *`, last, which may be NULL. The words say what was being done and to what, and what to do where that
 * is known; they need no context added, but callers may: error_prefix(error, "endpoint %u", id).
 */
#ifndef PILUS_BASE_ERROR_H
#define PILUS_BASE_ERROR_H

struct error {
	int code;          /* −errno; 0: none */
	char message[512]; /* one sentence, no newline, no final full stop */
};

/* Records and returns `code` (−errno). An error already recorded is replaced. `error` may be NULL. */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As error_set, and appends ": " and strerror(-code). */
int error_set_errno(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "words: " before the message that is there. Returns error->code, 0 for NULL. */
int error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
