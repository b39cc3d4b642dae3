/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns, as text and as JSON. Those that every tool can have (time, user, pod) stand in tables here.
 */
#include "runtime/column.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/clock.h"
#include "runtime/pods.h"
#include "runtime/tool.h"

#define KEY_MAX 32

static const struct trace_who *who_of(const void *event)
{
	return event;
}

/* Of CLOCK_MONOTONIC, as wall clock time. */
static time_t wall_time(uint64_t when)
{
	return time(NULL) - (time_t)((clock_now() - when) / NS_PER_SECOND);
}

static void clock_cell(const struct run *run, const void *event, FILE *out)
{
	time_t when = wall_time(who_of(event)->time);
	struct tm local;
	char text[16];

	strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&when, &local));
	fputs(text, out);
}

static void since_first_cell(const struct run *run, const void *event, FILE *out)
{
	fprintf(out, "%.9f", (double)(who_of(event)->time - run->first_event) / NS_PER_SECOND);
}

static void pod_cell(const struct run *run, const void *event, FILE *out)
{
	fputs(pods_name(run->pods, who_of(event)->netns), out);
}

static const struct column BEFORE[] = {
	COLUMN_WRITTEN("TIME", -8, clock_cell, .option = "time"),
	COLUMN_WRITTEN("TIME(s)", -14, since_first_cell, .option = "timestamp"),
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

/* A column of text: what stands in the event, or is made of it; the caller frees *ret_made. */
static const char *text_of(const struct run *run, const struct column *column, const void *event,
                           char addr[static ADDR_TEXT_MAX], char **ret_made)
{
	const char *member = (const char *)event + column->offset;
	size_t size;
	FILE *out;

	if (column->kind == COLUMN_TEXT)
		return member;
	if (column->kind == COLUMN_ADDR)
		return addr_format((const void *)member, addr);
	out = open_memstream(ret_made, &size);
	if (!out)
		return "";
	column->cell(run, event, out);
	fclose(out);
	return *ret_made;
}

/* Control characters would be the terminal's to act on. */
static void write_clean(const char *text, size_t length, FILE *out)
{
	for (size_t i = 0; i < length; i++)
		putc_unlocked((unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i], out);
}

static void write_padded(const char *text, int width, FILE *out)
{
	int length = (int)strlen(text), spaces = abs(width) - length;

	for (int i = 0; width > 0 && i < spaces; i++)
		putc_unlocked(' ', out);
	write_clean(text, length, out);
	for (int i = 0; width < 0 && i < spaces; i++)
		putc_unlocked(' ', out);
}

static void write_text(const struct run *run, const struct column *column, const void *event)
{
	_cleanup_free_ char *made = NULL;
	char addr[ADDR_TEXT_MAX];

	write_padded(text_of(run, column, event, addr, &made), column->width, run->out);
}

static unsigned family_of(const struct column *column, const void *event)
{
	return addr_is_v4((const void *)((const char *)event + column->offset)) ? 4 : 6;
}

static void write_value(const struct run *run, const struct column *column, const void *event)
{
	char text[32];

	switch (column->kind) {
	case COLUMN_NUMBER:
		snprintf(text, sizeof(text), "%" PRIu64, unsigned_of(column, event));
		break;
	case COLUMN_SIGNED:
		snprintf(text, sizeof(text), "%" PRId64, signed_of(column, event));
		break;
	case COLUMN_HEX:
		snprintf(text, sizeof(text), "0x%" PRIx64, unsigned_of(column, event));
		break;
	case COLUMN_FAMILY:
		snprintf(text, sizeof(text), "%u", family_of(column, event));
		break;
	case COLUMN_US:
		snprintf(text, sizeof(text), "%" PRIu64, unsigned_of(column, event) / 1000);
		break;
	case COLUMN_MS:
		snprintf(text, sizeof(text), "%.3f", (double)unsigned_of(column, event) / NS_PER_MS);
		break;
	case COLUMN_TEXT:
	case COLUMN_ADDR:
	case COLUMN_CELL:
		write_text(run, column, event);
		return;
	}
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
	_cleanup_free_ char *made = NULL;
	char addr[ADDR_TEXT_MAX];

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
	return json_text(text_of(run, column, event, addr, &made));
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

/* Appends those of the table that are shown. */
static void choose_of(struct run *run, const struct column *columns, size_t *count)
{
	for (const struct column *column = columns; column->title; column++) {
		if (column->option && !run_given(run, column->option) && !is_shown_anyway(run->tool, column))
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
}

static void write_title(const struct run *run, const struct column *column)
{
	fprintf(run->out, column->width ? "%*s " : "%*s", column->width, column->title);
}

static void write_cell(const struct run *run, const struct column *column, const void *event)
{
	write_value(run, column, event);
	if (column->width)
		putc_unlocked(' ', run->out);
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
		write_title(run, *column);
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
	run_write_json(run, object);
}

void columns_write(const struct run *run, const void *event)
{
	if (run->json) {
		write_json(run, event);
		return;
	}
	for (const struct column *const *column = run->shown; *column; column++)
		write_cell(run, *column, event);
	putc_unlocked('\n', run->out);
}
