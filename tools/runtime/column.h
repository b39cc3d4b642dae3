/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns: what is shown of an event, on a line or as a JSON object.
 */
#ifndef PILUS_TOOLS_RUNTIME_COLUMN_H
#define PILUS_TOOLS_RUNTIME_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct run;

enum column_kind {
	COLUMN_NUMBER, /* unsigned, of 1, 2, 4 or 8 bytes */
	COLUMN_SIGNED,
	COLUMN_HEX,
	COLUMN_TEXT,   /* up to a NUL */
	COLUMN_ADDR,   /* struct addr */
	COLUMN_FAMILY, /* struct addr: 4 or 6 */
	COLUMN_US,     /* ns, shown as µs */
	COLUMN_MS,     /* ns, shown as ms with 3 digits */
	COLUMN_CELL,   /* text that `cell` writes */
};

struct column {
	const char *title; /* of the table; also the JSON key, in small letters, unless: */
	const char *key;   /* "": not in JSON */
	int width;         /* as printf's: negative is to the left, 0 ends the line */
	enum column_kind kind;
	uint16_t offset;
	uint16_t size;
	const char *option;  /* shown only when it, or one of several ("wide csv"), is given; NULL: always */
	const char *without; /* shown only when this is not given */
	void (*cell)(const struct run *run, const void *event, FILE *out);
};

/* A member of the event's struct. */
#define COLUMN(title_, width_, kind_, type, member, ...) \
	{.title = (title_),                              \
	 .width = (width_),                              \
	 .kind = COLUMN_##kind_,                         \
	 .offset = offsetof(type, member),               \
	 .size = sizeof(((type *)NULL)->member),         \
	 ##__VA_ARGS__}

#define COLUMN_WRITTEN(title_, width_, cell_, ...) \
	{.title = (title_), .width = (width_), .kind = COLUMN_CELL, .cell = (cell_), ##__VA_ARGS__}

/* Which columns are shown, once the options are known; and the end of that. */
void columns_choose(struct run *run);
void columns_clear(struct run *run);

/* The columns' titles; nothing with JSON. */
void columns_head(const struct run *run);

/* An event: one line, or one JSON object. */
void columns_write(const struct run *run, const void *event);

#endif
