/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns, as text and as JSON. Those that every tool can have (time, user, pod) stand in tables here.
 */
#include "runtime/column.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/clock.h"
#include "runtime/pods.h"
#include "runtime/tool.h"

#define KEY_MAX  32
#define CELL_MAX 64 /* of what is not text */

static_assert(CELL_MAX >= ADDR_TEXT_MAX, "an address is a cell");

/* Where columns' functions write to. */
struct column_writer {
	FILE *out;
	char *text;
	size_t size;
};

static const struct trace_who *who_of(const void *event)
{
	return event;
}

/* Of CLOCK_MONOTONIC, as wall clock time, in ns. */
static uint64_t wall_time(uint64_t when)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec - (clock_now() - when);
}

static void clock_cell(const struct run *run, const void *event, FILE *out)
{
	time_t when = (time_t)(wall_time(who_of(event)->time) / NS_PER_SECOND);
	struct tm local;
	char text[16];

	strftime(text, sizeof(text), "%H:%M:%S",
	         run_given(run, "utc") ? gmtime_r(&when, &local) : localtime_r(&when, &local));
	fputs(text, out);
}

static void since_first_cell(const struct run *run, const void *event, FILE *out)
{
	uint64_t when = who_of(event)->time;

	if (run_given(run, "unix-timestamp"))
		fprintf(out, "%.6f", (double)wall_time(when) / NS_PER_SECOND);
	else
		fprintf(out, "%.9f", (double)(when - run->first_event) / NS_PER_SECOND);
}

static void pod_cell(const struct run *run, const void *event, FILE *out)
{
	fputs(pods_name(run->pods, who_of(event)->netns), out);
}

static const struct column BEFORE[] = {
	COLUMN_WRITTEN("TIME", -8, clock_cell, .option = "time utc"),
	COLUMN_WRITTEN("TIME(s)", -14, since_first_cell, .option = "timestamp unix-timestamp"),
	COLUMN("UID", -5, NUMBER, struct trace_who, uid, .option = "print-uid"),
	{},
};

static const struct column POD[] = {
	COLUMN_WRITTEN("POD", -24, pod_cell),
	{},
};

static uint64_t unsigned_of(const struct column *column, const void *event)
{
	const void *member = (const char *)event + column->offset;

	switch (column->size) {
	case 1:
		return *(const uint8_t *)member;
	case 2:
		return *(const uint16_t *)member;
	case 4:
		return *(const uint32_t *)member;
	default:
		return *(const uint64_t *)member;
	}
}

static int64_t signed_of(const struct column *column, const void *event)
{
	uint64_t value = unsigned_of(column, event);
	unsigned above = 64 - 8 * column->size;

	return (int64_t)(value << above) >> above;
}

static unsigned family_of(const struct column *column, const void *event)
{
	return addr_is_v4((const void *)((const char *)event + column->offset)) ? 4 : 6;
}

/* Each event has some: printf would be most of what an event costs. */
static char *decimal(uint64_t value, char text[static CELL_MAX])
{
	char *at = text + CELL_MAX - 1;

	*at = 0;
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	return at;
}

static char *signed_decimal(int64_t value, char text[static CELL_MAX])
{
	char *at = decimal(value < 0 ? -(uint64_t)value : (uint64_t)value, text);

	if (value < 0)
		*--at = '-';
	return at;
}

/* What a column's function writes, in memory that all of them use. */
static const char *written_text(const struct run *run, const struct column *column, const void *event)
{
	struct column_writer *writer = run->writer;

	if (fseek(writer->out, 0, SEEK_SET))
		return "";
	column->cell(run, event, writer->out);
	if (fflush(writer->out))
		return "";
	/* What longer texts have left behind it. */
	writer->text[writer->size] = 0;
	return writer->text;
}

/* What stands in the event, or is made of it; until the next call. */
static const char *text_of(const struct run *run, const struct column *column, const void *event,
                           char text[static CELL_MAX])
{
	const char *member = (const char *)event + column->offset;

	switch (column->kind) {
	case COLUMN_NUMBER:
		return decimal(unsigned_of(column, event), text);
	case COLUMN_SIGNED:
		return signed_decimal(signed_of(column, event), text);
	case COLUMN_HEX:
		snprintf(text, CELL_MAX, "0x%" PRIx64, unsigned_of(column, event));
		return text;
	case COLUMN_FAMILY:
		return decimal(family_of(column, event), text);
	case COLUMN_US:
		return decimal(unsigned_of(column, event) / 1000, text);
	case COLUMN_MS:
		snprintf(text, CELL_MAX, "%.3f", (double)unsigned_of(column, event) / NS_PER_MS);
		return text;
	case COLUMN_TEXT:
		return member;
	case COLUMN_ADDR:
		return addr_format((const void *)member, text);
	case COLUMN_CELL:
		break;
	}
	return written_text(run, column, event);
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

/* Control characters would be the terminal's to act on. */
static void write_clean(const char *text, size_t length, FILE *out)
{
	size_t clean = 0;

	while (clean < length && !is_control(text[clean]))
		clean++;
	fwrite_unlocked(text, 1, clean, out);
	for (size_t i = clean; i < length; i++)
		putc_unlocked(is_control(text[i]) ? '?' : text[i], out);
}

static void write_spaces(int count, FILE *out)
{
	static const char SPACES[] = "                ";

	for (; count > 0; count -= (int)strlen(SPACES))
		fwrite_unlocked(SPACES, 1, count < (int)strlen(SPACES) ? (size_t)count : strlen(SPACES), out);
}

static void write_padded(const char *text, int width, FILE *out)
{
	int length = (int)strlen(text), spaces = abs(width) - length;

	write_spaces(width > 0 ? spaces : 0, out);
	write_clean(text, length, out);
	write_spaces(width < 0 ? spaces : 0, out);
}

/* As RFC 4180 has it. */
static void write_separated(const char *text, FILE *out)
{
	const char *quote = strpbrk(text, ",\"") ? "\"" : "";

	fputs(quote, out);
	for (const char *part = text; *part; part++) {
		write_clean(part, 1, out);
		if (*part == '"')
			putc_unlocked('"', out);
	}
	fputs(quote, out);
}

/* A title or a value. */
static void write_cell(const struct run *run, const struct column *column, const char *text)
{
	if (column != run->shown[0])
		putc_unlocked(run->csv ? ',' : ' ', run->out);
	if (run->csv)
		write_separated(text, run->out);
	else
		write_padded(text, column->width, run->out);
}

/* Names of files are bytes, and JSON has only characters. */
static json_t *json_text(const char *text)
{
	_cleanup_free_ char *copy = NULL;
	json_t *value = json_string(text);

	if (value)
		return value;
	copy = xstrdup(text);
	for (char *c = copy; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(copy);
}

static json_t *json_value(const struct run *run, const struct column *column, const void *event)
{
	char text[CELL_MAX];

	switch (column->kind) {
	case COLUMN_NUMBER:
	case COLUMN_HEX:
		return json_integer((json_int_t)unsigned_of(column, event));
	case COLUMN_SIGNED:
		return json_integer(signed_of(column, event));
	case COLUMN_FAMILY:
		return json_integer(family_of(column, event));
	case COLUMN_US:
		return json_real((double)unsigned_of(column, event) / 1000);
	case COLUMN_MS:
		return json_real((double)unsigned_of(column, event) / NS_PER_MS);
	case COLUMN_TEXT:
	case COLUMN_ADDR:
	case COLUMN_CELL:
		break;
	}
	return json_text(text_of(run, column, event, text));
}

/* "TIME(s)" → "time" */
static void key_of(const struct column *column, char key[static KEY_MAX])
{
	const char *name = column->key ? column->key : column->title;
	size_t length = 0;

	for (const char *c = name; *c && *c != '(' && length < KEY_MAX - 1; c++)
		key[length++] = isalnum((unsigned char)*c) || *c == '_' ? (char)tolower((unsigned char)*c) : '-';
	key[length] = 0;
}

static bool is_comm(const struct column *column)
{
	return column->kind == COLUMN_TEXT && column->offset == offsetof(struct trace_who, comm);
}

static bool is_shown_anyway(const struct tool *tool, const struct column *column)
{
	return (tool->shows_time && column == &BEFORE[0]) || (tool->shows_timestamp && column == &BEFORE[1]);
}

/* One of "wide csv". */
static bool is_asked(const struct run *run, const char *options)
{
	_cleanup_free_ char *copy = xstrdup(options);
	char *rest = copy, *option;

	while ((option = strsep(&rest, " ")))
		if (run_given(run, option))
			return true;
	return false;
}

/* Appends those of the table that are shown. */
static void choose_of(struct run *run, const struct column *columns, size_t *count)
{
	for (const struct column *column = columns; column->title; column++) {
		if (column->option && !is_asked(run, column->option) && !is_shown_anyway(run->tool, column))
			continue;
		if (column->without && run_given(run, column->without))
			continue;
		run->shown[(*count)++] = column;
		if (run->pods && is_comm(column))
			run->shown[(*count)++] = POD;
	}
}

void columns_choose(struct run *run)
{
	size_t count = 0, room = ARRAY_SIZE(BEFORE) + ARRAY_SIZE(POD);

	for (const struct column *column = run->tool->columns; column->title; column++)
		room++;
	run->shown = xcalloc(room, sizeof(struct column *));
	choose_of(run, BEFORE, &count);
	choose_of(run, run->tool->columns, &count);
	run->writer = xcalloc(1, sizeof(*run->writer));
	run->writer->out = open_memstream(&run->writer->text, &run->writer->size);
}

void columns_clear(struct run *run)
{
	free(run->shown);
	if (!run->writer)
		return;
	fclose(run->writer->out);
	free(run->writer->text);
	free(run->writer);
}

static void add_member(const struct run *run, const struct column *column, const void *event, json_t *object)
{
	char key[KEY_MAX];

	key_of(column, key);
	if (!key[0])
		return;
	json_object_set_new(object, key, json_value(run, column, event));
}

void columns_head(const struct run *run)
{
	if (run->json)
		return;
	if (run->colour)
		fputs("\033[1m", run->out);
	for (const struct column *const *column = run->shown; *column; column++)
		write_cell(run, *column, (*column)->title);
	fputs(run->colour ? "\033[0m\n" : "\n", run->out);
}

void run_write_json(const struct run *run, json_t *object)
{
	json_dumpf(object, run->out, JSON_COMPACT);
	fputc('\n', run->out);
	json_decref(object);
}

static void write_json(const struct run *run, const void *event)
{
	json_t *object = json_object();

	for (const struct column *const *column = run->shown; *column; column++)
		add_member(run, *column, event, object);
	if (run->tool->more)
		run->tool->more(run, event, object);
	run_write_json(run, object);
}

void columns_write(const struct run *run, const void *event)
{
	char text[CELL_MAX];

	if (run->json) {
		write_json(run, event);
		return;
	}
	for (const struct column *const *column = run->shown; *column; column++)
		write_cell(run, *column, text_of(run, *column, event, text));
	putc_unlocked('\n', run->out);
	if (run->tool->more)
		run->tool->more(run, event, NULL);
}
