/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bpf lb` and `bpf affinity`: services as the programs look them up. Slots are counted from 1; line (0) of a service
 * is the service itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/bpf.h"
#include "datapath/service_map.h"

static const char *type_name(unsigned type)
{
#define X(symbol, code, name) [code] = name,
	static const char *const names[] = {SERVICE_TYPES(X)};
#undef X

	return type < ARRAY_SIZE(names) ? names[type] : "?";
}

static const char *state_name(unsigned state)
{
#define X(symbol, code, name) [code] = name,
	static const char *const names[] = {BACKEND_STATES(X)};
#undef X

	return state < ARRAY_SIZE(names) ? names[state] : "?";
}

static json_t *any_addr_to_json(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	return json_string(addr_format(addr, text));
}

static json_t *backend_to_json(uint32_t id, const struct backend *backend)
{
	char protocol[4];

	return json_pack("{sI so si ss sI ss sb}", "id", (json_int_t)id, "address", any_addr_to_json(&backend->addr),
	                 "port", ntohs(backend->port), "protocol", protocol_name(backend->protocol, protocol),
	                 "service", (json_int_t)backend->service, "state", state_name(backend->state), "serves",
	                 backend->serves);
}

/* ── frontends and their slots ── */

struct walk {
	const struct maps *maps;
	json_t *rows;
	int (*each)(const struct walk *walk, const struct service_key *key, const struct service *service);
};

static json_t *flags_to_json(const struct service *service)
{
	static const struct {
		unsigned flag;
		const char *name;
	} flags[] = {{SERVICE_MAGLEV, "maglev"},
	             {SERVICE_SOURCE_RANGES, "source-ranges"},
	             {SERVICE_DROPS, "drops"},
	             {SERVICE_DSR, "dsr"},
	             {SERVICE_HERE, "this-node"}};
	json_t *list = json_array();

	if (!(service->flags & SERVICE_EXTERNAL))
		json_array_append_new(list, json_string("non-routable"));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (service->flags & flags[i].flag)
			json_array_append_new(list, json_string(flags[i].name));
	if (service->affinity)
		json_array_append_new(list, json_string("sessionAffinity"));
	return list;
}

static int read_slots(const struct maps *maps, const struct service_set *set, uint32_t **ret)
{
	*ret = xcalloc(set->count ?: 1, sizeof(**ret));
	return set->count ? service_slots_get(maps, set->set, *ret, set->count) : 0;
}

/* Of a long table, as Maglev's, each backend once. */
static bool is_listed(const json_t *slots, uint32_t id)
{
	json_t *slot;
	size_t i;

	json_array_foreach (slots, i, slot)
		if (row_number(slot, "id") == id)
			return true;
	return false;
}

static int add_slots(const struct walk *walk, const struct service *service, enum service_side side, json_t *list)
{
	_cleanup_free_ uint32_t *slots = NULL;
	int r = read_slots(walk->maps, &service->side[side], &slots);

	for (uint32_t i = 0; i < service->side[side].count && !r; i++) {
		struct backend backend;
		json_t *slot;

		if ((service->flags & SERVICE_MAGLEV) && is_listed(list, slots[i]))
			continue;
		if (backend_map_get(walk->maps, slots[i], &backend))
			continue; /* gone meanwhile */
		slot = backend_to_json(slots[i], &backend);
		json_object_set_new(slot, "slot", json_integer(i + 1));
		json_array_append_new(list, slot);
	}
	return r == -ENOENT ? 0 : r; /* switched to another set meanwhile */
}

static json_t *frontend_row(const struct service_key *key, const struct service *service)
{
	char protocol[4];

	return json_pack("{so si ss sI ss so sI}", "address", any_addr_to_json(&key->addr), "port", ntohs(key->port),
	                 "protocol", protocol_name(key->protocol, protocol), "id", (json_int_t)service->number, "type",
	                 type_name(service->type), "flags", flags_to_json(service), "affinity",
	                 (json_int_t)service->affinity);
}

static int add_frontend(const struct walk *walk, const struct service_key *key, const struct service *service)
{
	json_t *inside = json_array(), *outside = json_array(), *row = frontend_row(key, service);

	json_object_set_new(row, "inside", inside);
	json_object_set_new(row, "outside", outside);
	json_array_append_new(walk->rows, row);
	return add_slots(walk, service, SERVICE_INSIDE, inside) ?: add_slots(walk, service, SERVICE_OUTSIDE, outside);
}

static void write_slots(const json_t *row, const char *side, FILE *out)
{
	json_t *slot;
	size_t i;

	json_array_foreach (json_object_get(row, side), i, slot) {
		fputc('\n', out);
		peer_write(slot, "address", "port", out);
		fprintf(out, " (%" JSON_INTEGER_FORMAT ") (%" JSON_INTEGER_FORMAT ")", row_number(row, "id"),
		        row_number(slot, "slot"));
		if (!strcmp(side, "outside"))
			fputs(" [from outside]", out);
	}
}

static void slots_cell(const json_t *row, FILE *out)
{
	bool v6 = strchr(row_text(row, "address"), ':');
	const json_t *inside = json_object_get(row, "inside"), *outside = json_object_get(row, "outside");
	json_t *flag;
	size_t i;

	fprintf(out, "%s:0 (%" JSON_INTEGER_FORMAT ") (0) [%s", v6 ? "[::]" : "0.0.0.0", row_number(row, "id"),
	        row_text(row, "type"));
	json_array_foreach (json_object_get(row, "flags"), i, flag)
		fprintf(out, ", %s", json_string_value(flag));
	fputc(']', out);
	write_slots(row, "inside", out);
	if (json_array_size(outside) && !json_equal(inside, outside))
		write_slots(row, "outside", out);
}

static void frontend_cell(const json_t *row, FILE *out)
{
	peer_write(row, "address", "port", out);
	fprintf(out, "/%s", row_text(row, "protocol"));
}

/* ── other views ── */

static int add_number(const struct walk *walk, const struct service_key *key, const struct service *service)
{
	return json_array_append_new(walk->rows, frontend_row(key, service));
}

static int add_table(const struct walk *walk, const struct service_key *key, const struct service *service)
{
	_cleanup_free_ uint32_t *slots = NULL;
	json_t *row, *list;
	int r;

	if (!(service->flags & SERVICE_MAGLEV))
		return 0;
	r = read_slots(walk->maps, &service->side[SERVICE_INSIDE], &slots);
	if (r)
		return r == -ENOENT ? 0 : r;
	row = frontend_row(key, service);
	list = json_array();
	for (uint32_t i = 0; i < service->side[SERVICE_INSIDE].count; i++)
		json_array_append_new(list, json_integer(slots[i]));
	json_object_set_new(row, "table", list);
	return json_array_append_new(walk->rows, row);
}

static void table_cell(const json_t *row, FILE *out)
{
	const json_t *table = json_object_get(row, "table");
	json_t *slot;
	size_t i;

	json_array_foreach (table, i, slot)
		fprintf(out, "%s%" JSON_INTEGER_FORMAT, i ? " " : "[", json_integer_value(slot));
	fputs(json_array_size(table) ? "]" : "[]", out);
}

static int visit_frontend(const struct service_key *key, const struct service *service, void *userdata)
{
	const struct walk *walk = userdata;

	return walk->each(walk, key, service);
}

static int by_id(const void *a, const void *b)
{
	json_int_t left = row_number(*(json_t *const *)a, "id"), right = row_number(*(json_t *const *)b, "id");

	return left < right ? -1 : left > right;
}

/* The maps are in no order. */
static void sort_rows(json_t *rows)
{
	size_t count = json_array_size(rows), i;
	_cleanup_free_ json_t **sorted = xcalloc(count ?: 1, sizeof(*sorted));
	json_t *row;

	json_array_foreach (rows, i, row)
		sorted[i] = json_incref(row);
	qsort(sorted, count, sizeof(*sorted), by_id);
	json_array_clear(rows);
	for (i = 0; i < count; i++)
		json_array_append_new(rows, sorted[i]);
}

static int collect(const struct maps *maps, json_t *rows,
                   int (*each)(const struct walk *, const struct service_key *, const struct service *))
{
	struct walk walk = {.maps = maps, .rows = rows, .each = each};
	int r = service_map_each(maps, visit_frontend, &walk);

	sort_rows(rows);
	return r;
}

static int collect_frontends(const struct maps *maps, json_t *rows)
{
	return collect(maps, rows, add_frontend);
}

static int collect_numbers(const struct maps *maps, json_t *rows)
{
	return collect(maps, rows, add_number);
}

static int collect_tables(const struct maps *maps, json_t *rows)
{
	return collect(maps, rows, add_table);
}

static int add_backend(uint32_t id, const struct backend *backend, void *userdata)
{
	return json_array_append_new(userdata, backend_to_json(id, backend));
}

static int collect_backends(const struct maps *maps, json_t *rows)
{
	int r = backend_map_each(maps, add_backend, rows);

	sort_rows(rows);
	return r;
}

static const struct column FRONTEND_COLUMNS[] = {
	{.title = "SERVICE ADDRESS", .cell = frontend_cell},
	{.title = "BACKEND ADDRESS (REVNAT_ID) (SLOT)", .cell = slots_cell},
};
static const struct column NUMBER_COLUMNS[] = {
	{.title = "REVNAT_ID", .key = "id"},
	{.title = "SERVICE ADDRESS", .cell = frontend_cell},
};
static const struct column BACKEND_COLUMNS[] = {
	{.title = "ID", .key = "id"},
	{.title = "BACKEND ADDRESS", .cell = frontend_cell},
	{.title = "REVNAT_ID", .key = "service"},
	{.title = "STATE", .key = "state"},
};
static const struct column TABLE_COLUMNS[] = {
	{.title = "SERVICE ADDRESS", .cell = frontend_cell},
	{.title = "LOOKUP TABLE", .cell = table_cell},
};

static int lb_list(struct cli *cli, struct error *error)
{
	static const struct table FRONTENDS = TABLE(FRONTEND_COLUMNS);
	static const struct {
		const char *option;
		struct table table;
		int (*collect)(const struct maps *maps, json_t *rows);
	} views[] = {{"revnat", TABLE(NUMBER_COLUMNS), collect_numbers},
	             {"backends", TABLE(BACKEND_COLUMNS), collect_backends},
	             {"maglev", TABLE(TABLE_COLUMNS), collect_tables}};

	if (cli_count(cli, "revnat") + cli_count(cli, "backends") + cli_count(cli, "maglev") > 1)
		return cli_wrong_use(error, "--revnat, --backends and --maglev are one at a time");
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		if (cli_count(cli, views[i].option))
			return bpf_list(cli, &views[i].table, views[i].collect, error);
	return bpf_list(cli, &FRONTENDS, collect_frontends, error);
}

static const struct cli_option LIST_OPTIONS[] = {
	{0, "revnat", NULL, "the numbers of services, by which answers find back"},
	{0, "backends", NULL, "all backends"},
	{0, "maglev", NULL, "tables of services that choose by maglev: ids of backends"},
	{},
};

const struct command BPF_LB_VERBS[] = {
	{.name = "list", .summary = "Services and their slots", .options = LIST_OPTIONS, .run = lb_list},
	{},
};

/* ── affinity ── */

struct affinity_walk {
	const struct maps *maps;
	json_t *rows;
	uint64_t now;
};

/* Sockets have no address yet when they ask: their namespace stands for them. */
static json_t *client_to_json(const struct affinity_key *key)
{
	return key->is_netns ? json_sprintf("netns:%llu", (unsigned long long)key->client.quad[0])
	                     : any_addr_to_json(&key->client);
}

static int add_affinity(const struct affinity_key *key, const struct affinity *affinity, void *userdata)
{
	const struct affinity_walk *walk = userdata;
	uint64_t age = walk->now > affinity->last_used ? walk->now - affinity->last_used : 0;
	struct backend backend;
	json_t *row;

	if (backend_map_get(walk->maps, affinity->backend, &backend))
		return 0; /* means nothing any more */
	row = backend_to_json(affinity->backend, &backend);
	json_object_set_new(row, "client", client_to_json(key));
	json_object_set_new(row, "service", json_integer(key->service));
	json_object_set_new(row, "last-used", json_integer((json_int_t)(age / NS_PER_SECOND)));
	return json_array_append_new(walk->rows, row);
}

static int collect_affinities(const struct maps *maps, json_t *rows)
{
	struct affinity_walk walk = {.maps = maps, .rows = rows, .now = clock_now()};

	return affinity_each(maps, add_affinity, &walk);
}

static void age_cell(const json_t *row, FILE *out)
{
	fprintf(out, "%" JSON_INTEGER_FORMAT "sec", row_number(row, "last-used"));
}

static const struct column AFFINITY_COLUMNS[] = {
	{.title = "CLIENT", .key = "client"},
	{.title = "REVNAT_ID", .key = "service"},
	{.title = "BACKEND ADDRESS", .cell = frontend_cell},
	{.title = "LAST USED", .cell = age_cell},
};

static int affinity_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(AFFINITY_COLUMNS);

	return bpf_list(cli, &LIST_TABLE, collect_affinities, error);
}

const struct command BPF_AFFINITY_VERBS[] = {
	{.name = "list", .summary = "Which backends clients keep", .run = affinity_list},
	{},
};
