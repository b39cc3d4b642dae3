/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/prefilter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "datapath/object.h"
#include "datapath/pins.h"

#define BATCH 16384
#define AHEAD 16 /* rows whose buckets are on their way into the cache */

#define RATE_SOURCES 65536 /* that are remembered at once; the least recently seen go first */
#define BURST_NS     (NS_PER_SECOND / 10)
#define BURST_MIN    8 /* packets */

#define NOT_SUPPORTED (-524) /* the kernel's ENOTSUPP, which has no name outside */

#define BUCKET_TRIES 3 /* each with another seed, and twice as many: more than one is a matter of luck */

enum table_kind { TABLE, HASH, TRIE, TABLE_KINDS };
static const char *const table_names[PREFILTER_MATCHES][TABLE_KINDS] = {
	[PREFILTER_SOURCE] = {"source_table", "source_hash", "source_trie"},
	[PREFILTER_DESTINATION] = {"destination_table", "destination_hash", "destination_trie"},
};

/* A kernel's hash or trie has room for some rows that come later (prefilter_edit), if it has any. */
#define ROOM_FOR_EDITS(rows) ((rows) ? (rows) + (rows) / 64 + 64 : 1)
/* Buckets may be so many times more than would be made for the rows, as a power of two, until tables are made anew. */
#define BUCKETS_TOO_MANY 3

/* How many rows have each length, and how many lengths each family has. */
struct census {
	uint32_t rows[2][ADDR_BITS + 1]; /* [is_v4] */
	unsigned lengths[2];
	uint32_t denied;
};

struct prefilter {
	struct bpf_object *object;
	struct prefilter_config config;
	struct census census[PREFILTER_MATCHES];
};

static bool is_v4(const struct prefilter_row *row)
{
	return row->bits >= ADDR_V4_PREFIX_BITS && addr_is_v4(&row->addr);
}

static void census_add(struct census *census, const struct prefilter_row *row)
{
	census->lengths[is_v4(row)] += !census->rows[is_v4(row)][row->bits]++;
	census->denied += row->verdict == PREFILTER_DENY;
}

static void census_remove(struct census *census, const struct prefilter_row *row)
{
	census->lengths[is_v4(row)] -= !--census->rows[is_v4(row)][row->bits];
	census->denied -= row->verdict == PREFILTER_DENY;
}

static struct census take_census(const struct prefilter_plan *plan, enum prefilter_match match)
{
	struct census census = {};

	for (size_t i = 0; i < plan->count[match]; i++)
		census_add(&census, &plan->rows[match][i]);
	return census;
}

/* Which table a length is in: all of a family in its hash where they are few, else only hosts. */
static enum table_kind table_of(const struct census *census, bool v4, unsigned bits)
{
	if (census->lengths[v4] > PREFILTER_LENGTHS_MAX && bits != ADDR_BITS)
		return TRIE;
	return v4 ? TABLE : HASH;
}

static uint32_t count_rows(const struct census *census, enum table_kind kind)
{
	uint32_t count = 0;

	for (int v4 = 0; v4 < 2; v4++)
		for (unsigned bits = 0; bits <= ADDR_BITS; bits++)
			if (table_of(census, v4, bits) == kind)
				count += census->rows[v4][bits];
	return count;
}

bool prefilter_plan_is_empty(const struct prefilter_plan *plan)
{
	for (int match = 0; match < PREFILTER_MATCHES; match++)
		for (size_t i = 0; i < plan->count[match]; i++)
			if (plan->rows[match][i].verdict == PREFILTER_DENY)
				return false;
	return !plan->refuse && !plan->rate;
}

static void set_rate(uint32_t rate, struct prefilter_config *config)
{
	uint64_t least;

	if (!rate)
		return;
	config->rate_interval = NS_PER_SECOND / rate ?: 1;
	least = config->rate_interval * BURST_MIN;
	config->rate_burst = least > BURST_NS ? least : BURST_NS;
}

static struct bpf_map *table(const struct prefilter *prefilter, enum prefilter_match match, enum table_kind kind)
{
	return bpf_object__find_map_by_name(prefilter->object, table_names[match][kind]);
}

/* Half of the room at most: then few rows are not in their own bucket. */
static uint8_t bucket_bits(uint32_t rows, unsigned more)
{
	uint8_t bits = more;

	while ((uint64_t)PREFILTER_BUCKET_ROWS / 2 << bits < rows)
		bits++;
	return bits;
}

static void set_lengths(const struct census *census, enum prefilter_match match, struct prefilter_config *config)
{
	const struct addr ones = {.quad = {UINT64_MAX, UINT64_MAX}};

	for (int v4 = 0; v4 < 2; v4++)
		for (int bits = ADDR_BITS; bits >= 0; bits--) {
			struct prefilter_length length = {.mask = prefix_around(&ones, bits).addr, .bits = bits};

			if (!census->rows[v4][bits])
				continue;
			if (table_of(census, v4, bits) == TRIE)
				config->tries[match] |= v4 ? PREFILTER_V4 : PREFILTER_V6;
			else if (v4)
				config->masks[match][config->mask_count[match]++] = length.mask.word[3];
			else
				config->lengths[match][config->length_count[match]++] = length;
		}
}

static uint64_t random_seed(void)
{
	uint64_t seed = clock_now();

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		return seed; /* early at boot: better than none */
	return seed;
}

/* Sizes and constants follow from the plan. */
static int prefilter_configure(struct prefilter *prefilter, const struct prefilter_plan *plan, unsigned more)
{
	struct prefilter_config config = {.refuse = plan->refuse, .seed = random_seed()};
	int r = 0;

	for (int match = 0; match < PREFILTER_MATCHES; match++) {
		struct census *census = &prefilter->census[match];

		*census = take_census(plan, match);
		set_lengths(census, match, &config);
		config.bucket_bits[match] = bucket_bits(count_rows(census, TABLE), more);
		r = bpf_map__set_max_entries(table(prefilter, match, TABLE), 1U << config.bucket_bits[match]);
		for (int kind = HASH; kind < TABLE_KINDS && !r; kind++)
			r = bpf_map__set_max_entries(table(prefilter, match, kind),
			                             ROOM_FOR_EDITS(count_rows(census, kind)));
		if (r)
			return r;
	}
	set_rate(plan->rate, &config);
	if (plan->rate)
		r = bpf_map__set_max_entries(bpf_object__find_map_by_name(prefilter->object, "rates"), RATE_SOURCES);
	if (!r)
		r = bpf_map__set_initial_value(bpf_object__find_map_by_name(prefilter->object, ".rodata.prefilter"),
		                               &config, sizeof(config));
	prefilter->config = config;
	return r;
}

static unsigned mask_index(const struct prefilter_config *config, enum prefilter_match match, uint8_t bits)
{
	const struct addr ones = {.quad = {UINT64_MAX, UINT64_MAX}};
	uint32_t mask = prefix_around(&ones, bits).addr.word[3];
	unsigned i = 0;

	while (config->masks[match][i] != mask)
		i++;
	return i;
}

/* -ENOSPC: this row finds no room, others may have much. */
static int bucket_put(struct prefilter_bucket *bucket, const struct prefilter_row *row, unsigned length)
{
	for (int i = 0; i < PREFILTER_BUCKET_ROWS; i++) {
		if (bucket->row[i])
			continue;
		bucket->addr[i] = row->addr.word[3];
		bucket->row[i] = PREFILTER_ROW(length, row->verdict, row->set);
		return 0;
	}
	bucket->crowded = 1;
	return -ENOSPC;
}

/* A row that is to go into a bucket, and which. */
struct placement {
	const struct prefilter_row *row;
	unsigned length;
	uint32_t place;
};

/* The bucket is not in any cache most likely: it comes while others are placed. */
static struct placement place_row(const struct prefilter_bucket *buckets, const struct prefilter_config *config,
                                  enum prefilter_match match, const struct prefilter_row *row)
{
	unsigned length = mask_index(config, match, row->bits);
	uint32_t place = prefilter_place(row->addr.word[3], length, config->seed, config->bucket_bits[match]);

	__builtin_prefetch(&buckets[place], 1);
	return (struct placement){row, length, place};
}

static int table_put(struct prefilter_bucket *buckets, uint8_t bits, const struct placement *placement)
{
	int r = -ENOSPC;

	for (int i = 0; i < PREFILTER_PROBES && r; i++)
		r = bucket_put(&buckets[(placement->place + i) & ((1U << bits) - 1)], placement->row,
		               placement->length);
	return r;
}

static int put_rows(const struct prefilter *prefilter, const struct prefilter_plan *plan, enum prefilter_match match,
                    struct prefilter_bucket *buckets)
{
	const struct prefilter_config *config = &prefilter->config;
	struct placement ahead[AHEAD];
	size_t placed = 0, put = 0;
	int r = 0;

	for (size_t i = 0; i < plan->count[match] && !r; i++) {
		const struct prefilter_row *row = &plan->rows[match][i];

		if (table_of(&prefilter->census[match], is_v4(row), row->bits) != TABLE)
			continue;
		if (placed - put == AHEAD)
			r = table_put(buckets, config->bucket_bits[match], &ahead[put++ % AHEAD]);
		ahead[placed++ % AHEAD] = place_row(buckets, config, match, row);
	}
	while (put < placed && !r)
		r = table_put(buckets, config->bucket_bits[match], &ahead[put++ % AHEAD]);
	return r;
}

static size_t table_bytes(const struct prefilter_config *config, enum prefilter_match match)
{
	size_t page = sysconf(_SC_PAGESIZE), bytes = sizeof(struct prefilter_bucket) << config->bucket_bits[match];

	return (bytes + page - 1) / page * page;
}

static void note_progress(size_t *progress, size_t rows)
{
	if (progress)
		__atomic_add_fetch(progress, rows, __ATOMIC_RELAXED);
}

static int fill_buckets(const struct prefilter *prefilter, const struct prefilter_plan *plan,
                        enum prefilter_match match, size_t *progress)
{
	size_t bytes = table_bytes(&prefilter->config, match);
	uint32_t count = count_rows(&prefilter->census[match], TABLE);
	struct prefilter_bucket *buckets;
	int r;

	if (!count)
		return 0;
	buckets = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
	               bpf_map__fd(table(prefilter, match, TABLE)), 0);
	if (buckets == MAP_FAILED)
		return -errno;
	r = put_rows(prefilter, plan, match, buckets);
	munmap(buckets, bytes);
	if (!r)
		note_progress(progress, count);
	return r;
}

/* Rows on their way into a table. */
struct batch {
	int fd;
	uint32_t count;
	struct prefilter_prefix keys[BATCH];
	struct prefilter_entry entries[BATCH];
};

static int write_one_by_one(const struct batch *batch)
{
	int r = 0;

	for (uint32_t i = 0; i < batch->count && !r; i++)
		r = bpf_map_update_elem(batch->fd, &batch->keys[i], &batch->entries[i], BPF_NOEXIST);
	return r;
}

static int batch_write(struct batch *batch, size_t *progress)
{
	uint32_t count = batch->count;
	int r = count ? bpf_map_update_batch(batch->fd, batch->keys, batch->entries, &count, NULL) : 0;

	if (r == NOT_SUPPORTED)
		r = write_one_by_one(batch);
	note_progress(progress, batch->count);
	batch->count = 0;
	return r;
}

static void batch_add(struct batch *batch, const struct prefilter_row *row)
{
	batch->keys[batch->count] = (struct prefilter_prefix){.prefix_bits = row->bits, .addr = row->addr};
	batch->entries[batch->count++] = (struct prefilter_entry){.set = row->set, .verdict = row->verdict};
}

static int fill_table(const struct prefilter *prefilter, const struct prefilter_plan *plan, enum prefilter_match match,
                      enum table_kind kind, size_t *progress)
{
	const struct census *census = &prefilter->census[match];
	_cleanup_free_ struct batch *batch = NULL;
	int r = 0;

	if (!count_rows(census, kind))
		return 0;
	batch = xnew(struct batch);
	batch->fd = bpf_map__fd(table(prefilter, match, kind));
	for (size_t i = 0; i < plan->count[match] && !r; i++) {
		const struct prefilter_row *row = &plan->rows[match][i];

		if (table_of(census, is_v4(row), row->bits) != kind)
			continue;
		batch_add(batch, row);
		if (batch->count == BATCH)
			r = batch_write(batch, progress);
	}
	return r ? r : batch_write(batch, progress);
}

static int prefilter_fill(const struct prefilter *prefilter, const struct prefilter_plan *plan, size_t *progress)
{
	int r = 0;

	for (int match = 0; match < PREFILTER_MATCHES && !r; match++)
		r = fill_buckets(prefilter, plan, match, progress);
	for (int match = 0; match < PREFILTER_MATCHES && !r; match++)
		for (int kind = HASH; kind < TABLE_KINDS && !r; kind++)
			r = fill_table(prefilter, plan, match, kind, progress);
	return r;
}

/* `more`: how many times more buckets than usual, as a power of two. -ENOSPC: they are too few still. */
static int load_with(const struct datapath_options *options, const struct prefilter_plan *plan, unsigned more,
                     size_t *progress, struct prefilter **ret, struct error *error)
{
	_cleanup_(prefilter_freep) struct prefilter *prefilter = xnew(struct prefilter);
	int r = object_open(OBJECT_PREFILTER, options, &prefilter->object, error);

	if (r)
		return r;
	r = prefilter_configure(prefilter, plan, more);
	if (r)
		return error_set_errno(error, r, "cannot configure the prefilter");
	r = object_load(prefilter->object, options->bpffs, PIN_MAPS, error);
	if (r)
		return r;
	r = prefilter_fill(prefilter, plan, progress);
	if (r)
		return error_set_errno(error, r, "cannot fill the prefilter's tables");
	*ret = TAKE_PTR(prefilter);
	return 0;
}

int prefilter_load(const struct datapath_options *options, const struct prefilter_plan *plan, size_t *progress,
                   struct prefilter **ret, struct error *error)
{
	int r = -ENOSPC;

	for (unsigned more = 0; more < BUCKET_TRIES && r == -ENOSPC; more++)
		r = load_with(options, plan, more, progress, ret, error);
	return r;
}

/* ── a few rows, in tables that packets are looked up in ── */

/* Edits become rows, of which PREFILTER_NONE is none. */
static struct prefilter_row edit_row(const struct prefilter_edit *edit, const struct prefilter_entry *entry)
{
	return (struct prefilter_row){
		.addr = edit->prefix.addr, .bits = edit->prefix.bits, .set = entry->set, .verdict = entry->verdict};
}

static struct census census_after(const struct census *before, const struct prefilter_edit *edits, size_t count)
{
	struct census census = *before;

	for (size_t i = 0; i < count; i++) {
		const struct prefilter_row old = edit_row(&edits[i], &edits[i].before),
					   new = edit_row(&edits[i], &edits[i].after);

		if (old.verdict)
			census_remove(&census, &old);
		if (new.verdict)
			census_add(&census, &new);
	}
	return census;
}

/* Would the program for these rows be the one that there is, and are its tables as large as they should be? */
static bool takes(const struct prefilter *prefilter, enum prefilter_match match, const struct census *census)
{
	const struct prefilter_config *now = &prefilter->config;
	struct prefilter_config then = {};
	uint8_t bits = bucket_bits(count_rows(census, TABLE), 0);
	bool r = bits <= now->bucket_bits[match] && bits + BUCKETS_TOO_MANY > now->bucket_bits[match];

	set_lengths(census, match, &then);
	for (int kind = HASH; kind < TABLE_KINDS && r; kind++)
		r = count_rows(census, kind) <= bpf_map__max_entries(table(prefilter, match, kind));
	return r && census->denied && prefilter->census[match].denied &&
	       then.length_count[match] == now->length_count[match] &&
	       then.mask_count[match] == now->mask_count[match] && then.tries[match] == now->tries[match] &&
	       !memcmp(then.lengths[match], now->lengths[match], sizeof(then.lengths[match])) &&
	       !memcmp(then.masks[match], now->masks[match], sizeof(then.masks[match]));
}

/* Kernels with nohz_full CPUs do not let anybody wait for them. */
static bool can_wait_for_packets(void)
{
	long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	return commands > 0 && commands & MEMBARRIER_CMD_GLOBAL;
}

/*
 * Those that have begun before are through then: XDP programs run in read-side critical sections of RCU. Afterwards
 * nobody reads the place of a row that is gone, nor the address that was in a place before.
 */
static int wait_for_packets(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0 ? -errno : 0;
}

/* An edit under way; rows in buckets are borrowed from the mapping, those of other tables are NULL. */
struct edition {
	const struct prefilter *prefilter;
	enum prefilter_match match;
	const struct prefilter_edit *edits;
	size_t count;
	enum table_kind kinds[PREFILTER_EDITS_MAX];
	struct prefilter_bucket *buckets; /* NULL: none of the edits is there */
	uint16_t *places[PREFILTER_EDITS_MAX];
};

static bool is_taken(const struct edition *edition, const uint16_t *place)
{
	for (size_t i = 0; i < edition->count; i++)
		if (edition->places[i] == place)
			return true;
	return false;
}

static struct prefilter_bucket *bucket_of(const struct edition *edition, const struct prefilter_row *row, int probe)
{
	const struct prefilter_config *config = &edition->prefilter->config;
	struct placement placement = place_row(edition->buckets, config, edition->match, row);

	return &edition->buckets[(placement.place + probe) & ((1U << config->bucket_bits[edition->match]) - 1)];
}

static unsigned length_of(const struct edition *edition, uint8_t bits)
{
	return mask_index(&edition->prefilter->config, edition->match, bits);
}

/* NULL: it is not there. */
static uint16_t *find_place(const struct edition *edition, const struct prefilter_row *row)
{
	unsigned length = length_of(edition, row->bits) + 1;

	for (int probe = 0; probe < PREFILTER_PROBES; probe++) {
		struct prefilter_bucket *bucket = bucket_of(edition, row, probe);

		for (int i = 0; i < PREFILTER_BUCKET_ROWS; i++)
			if (PREFILTER_ROW_LENGTH(bucket->row[i]) == length && bucket->addr[i] == row->addr.word[3])
				return &bucket->row[i];
	}
	return NULL;
}

/* With the address written, which counts for nothing yet. NULL: there is no room near enough. */
static uint16_t *reserve_place(const struct edition *edition, const struct prefilter_row *row)
{
	for (int probe = 0; probe < PREFILTER_PROBES; probe++) {
		struct prefilter_bucket *bucket = bucket_of(edition, row, probe);

		for (int i = 0; i < PREFILTER_BUCKET_ROWS; i++) {
			if (bucket->row[i] || is_taken(edition, &bucket->row[i]))
				continue;
			bucket->addr[i] = row->addr.word[3];
			return &bucket->row[i];
		}
		bucket->crowded = 1;
	}
	return NULL;
}

static void write_place(uint16_t *place, uint16_t row)
{
	__atomic_store_n(place, row, __ATOMIC_RELEASE);
}

static int map_remove(const struct edition *edition, size_t i)
{
	const struct prefilter_edit *edit = &edition->edits[i];
	const struct prefilter_prefix key = {.prefix_bits = edit->prefix.bits, .addr = edit->prefix.addr};

	return bpf_map_delete_elem(bpf_map__fd(table(edition->prefilter, edition->match, edition->kinds[i])), &key);
}

static int map_put(const struct edition *edition, size_t i)
{
	const struct prefilter_edit *edit = &edition->edits[i];
	const struct prefilter_prefix key = {.prefix_bits = edit->prefix.bits, .addr = edit->prefix.addr};

	return bpf_map_update_elem(bpf_map__fd(table(edition->prefilter, edition->match, edition->kinds[i])), &key,
	                           &edit->after, BPF_ANY);
}

/* A row that comes has an address before it counts: nobody takes it for that of the row which was there. */
static int edit_reserve(struct edition *edition)
{
	for (size_t i = 0; i < edition->count; i++) {
		const struct prefilter_edit *edit = &edition->edits[i];
		const struct prefilter_row row = edit_row(edit, &edit->after);

		if (!row.verdict || edition->kinds[i] != TABLE)
			continue;
		edition->places[i] = edit->before.verdict ? find_place(edition, &row) : reserve_place(edition, &row);
		if (!edition->places[i])
			return -ENOSPC;
	}
	return 0;
}

static int edit_remove(const struct edition *edition)
{
	int r = 0;

	for (size_t i = 0; i < edition->count && !r; i++) {
		const struct prefilter_row row = edit_row(&edition->edits[i], &edition->edits[i].before);
		uint16_t *place;

		if (edition->edits[i].after.verdict)
			continue;
		if (edition->kinds[i] != TABLE) {
			r = map_remove(edition, i);
			continue;
		}
		place = find_place(edition, &row);
		if (place)
			write_place(place, 0);
		else
			r = -ENOENT;
	}
	return r;
}

static int edit_put(const struct edition *edition)
{
	int r = 0;

	for (size_t i = 0; i < edition->count && !r; i++) {
		const struct prefilter_edit *edit = &edition->edits[i];

		if (!edit->after.verdict)
			continue;
		if (edition->kinds[i] != TABLE)
			r = map_put(edition, i);
		else
			write_place(edition->places[i], PREFILTER_ROW(length_of(edition, edit->prefix.bits),
			                                              edit->after.verdict, edit->after.set));
	}
	return r;
}

int prefilter_edit(struct prefilter *prefilter, enum prefilter_match match, const struct prefilter_edit *edits,
                   size_t count)
{
	const struct census census = census_after(&prefilter->census[match], edits, count);
	struct edition edition = {.prefilter = prefilter, .match = match, .edits = edits, .count = count};
	size_t bytes = table_bytes(&prefilter->config, match);
	int r;

	if (count > PREFILTER_EDITS_MAX || !takes(prefilter, match, &census) || !can_wait_for_packets())
		return -ERANGE;
	edition.buckets =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(table(prefilter, match, TABLE)), 0);
	if (edition.buckets == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < count; i++) {
		const struct prefilter_row row = edit_row(&edits[i], &edits[i].after);

		edition.kinds[i] = table_of(&census, is_v4(&row), row.bits);
	}
	r = edit_reserve(&edition);
	if (!r)
		r = edit_remove(&edition);
	if (!r)
		r = wait_for_packets();
	if (!r)
		r = edit_put(&edition);
	munmap(edition.buckets, bytes);
	if (!r)
		prefilter->census[match] = census;
	return r;
}

size_t prefilter_rows(const struct prefilter *prefilter)
{
	size_t rows = 0;

	for (int match = 0; match < PREFILTER_MATCHES; match++)
		for (int kind = 0; kind < TABLE_KINDS; kind++)
			rows += count_rows(&prefilter->census[match], kind);
	return rows;
}

void prefilter_free(struct prefilter *prefilter)
{
	if (!prefilter)
		return;
	bpf_object__close(prefilter->object);
	free(prefilter);
}

struct bpf_program *prefilter_program(const struct prefilter *prefilter)
{
	return bpf_object__find_program_by_name(prefilter->object, "prefilter");
}

uint64_t prefilter_bytes(const struct prefilter *prefilter)
{
	uint64_t bytes = 0;
	struct bpf_map *map;

	bpf_object__for_each_map (map, prefilter->object)
		if (!pin_name(bpf_map__name(map)))
			bytes += map_bytes(bpf_map__fd(map));
	return bytes;
}

int prefilter_counters(const struct maps *maps, struct metric ret[static PREFILTER_SETS_MAX])
{
	int r = 0, cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct metric *per_cpu = NULL;

	if (cpus < 0)
		return cpus;
	per_cpu = xcalloc(cpus, sizeof(*per_cpu));
	for (uint32_t set = 0; set < PREFILTER_SETS_MAX && !r; set++) {
		r = bpf_map_lookup_elem(maps->prefilter, &set, per_cpu);
		if (!r)
			ret[set] = metric_of_cpus(per_cpu, cpus);
	}
	return r;
}

int prefilter_counter_clear(const struct maps *maps, uint16_t set)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct metric *none = NULL;
	uint32_t index = set;

	if (cpus < 0)
		return cpus;
	none = xcalloc(cpus, sizeof(*none));
	return bpf_map_update_elem(maps->prefilter, &index, none, BPF_ANY);
}
