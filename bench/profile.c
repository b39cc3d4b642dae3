/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "profile.h"

#define PERIOD_NS   100000 /* shorter ones leave virtual machines no time to run the program */
#define BUFFER_SIZE (UINT64_C(1) << 22)
#define DEPTH_MAX   24

/* What the kernel tells about the program's machine code: the source of the instructions from each address on. */
struct code {
	struct btf *btf;
	uint64_t *start; /* of the lines, ascending */
	struct bpf_line_info *lines;
	uint32_t line_count;
	uint64_t *functions;
	uint32_t *sizes;
	uint32_t function_count;
};

struct symbol {
	uint64_t address;
	char *name;
};

struct sample {
	uint32_t line;
	const char *callee; /* NULL: the program itself */
};

struct profile {
	struct code code;
	int fd;
	struct perf_event_mmap_page *page;
	struct sample *samples;
	size_t sample_count, sample_room;
};

/* The kernel's, ascending; read once. */
static struct symbol *symbols;
static size_t symbol_count;

static int code_read(int program_fd, struct code *code)
{
	struct bpf_prog_info info = {}, sizes;
	uint32_t size = sizeof(info);
	int r = bpf_prog_get_info_by_fd(program_fd, &info, &size);

	if (r)
		return r;
	if (!info.nr_jited_line_info)
		return -ENODATA;
	sizes = info;
	code->start = xcalloc(info.nr_jited_line_info, sizeof(*code->start));
	code->lines = xcalloc(info.nr_line_info, sizeof(*code->lines));
	code->functions = xcalloc(info.nr_jited_ksyms, sizeof(*code->functions));
	code->sizes = xcalloc(info.nr_jited_func_lens, sizeof(*code->sizes));
	info = (struct bpf_prog_info){
		.nr_jited_line_info = sizes.nr_jited_line_info,
		.jited_line_info_rec_size = sizeof(*code->start),
		.jited_line_info = (uintptr_t)code->start,
		.nr_line_info = sizes.nr_line_info,
		.line_info_rec_size = sizeof(*code->lines),
		.line_info = (uintptr_t)code->lines,
		.nr_jited_ksyms = sizes.nr_jited_ksyms,
		.jited_ksyms = (uintptr_t)code->functions,
		.nr_jited_func_lens = sizes.nr_jited_func_lens,
		.jited_func_lens = (uintptr_t)code->sizes,
	};
	r = bpf_prog_get_info_by_fd(program_fd, &info, &size);
	if (r)
		return r;
	code->line_count = info.nr_jited_line_info;
	code->function_count = info.nr_jited_ksyms;
	code->btf = btf__load_from_kernel_by_id(sizes.btf_id);
	return code->btf ? 0 : -errno;
}

static void code_free(struct code *code)
{
	btf__free(code->btf);
	free(code->start);
	free(code->lines);
	free(code->functions);
	free(code->sizes);
}

static bool code_has(const struct code *code, uint64_t address)
{
	for (uint32_t i = 0; i < code->function_count; i++)
		if (address >= code->functions[i] && address < code->functions[i] + code->sizes[i])
			return true;
	return false;
}

static uint32_t code_line(const struct code *code, uint64_t address)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < code->line_count && code->start[i] <= address; i++)
		found = i;
	return found;
}

static int compare_symbols(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static int symbols_read(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/kallsyms", "re");
	char line[512], name[256], kind;
	unsigned long long address;

	if (symbols)
		return 0;
	if (!file)
		return -errno;
	for (size_t room = 0; fgets(line, sizeof(line), file);) {
		if (sscanf(line, "%llx %c %255s", &address, &kind, name) != 3 || !strchr("tTwW", kind))
			continue;
		if (symbol_count == room) {
			room = room ? 2 * room : 1 << 16;
			symbols = xrealloc(symbols, room * sizeof(*symbols));
		}
		symbols[symbol_count++] = (struct symbol){.address = address, .name = xstrdup(name)};
	}
	if (!symbols)
		return -ENODATA;
	qsort(symbols, symbol_count, sizeof(*symbols), compare_symbols);
	return 0;
}

static const char *symbol_at(uint64_t address)
{
	size_t low = 0, high = symbol_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (symbols[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	return symbols[low].name;
}

/* Of this thread, in the kernel only, and off. */
static int clock_open(struct profile *profile)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_CALLCHAIN,
		.sample_max_stack = DEPTH_MAX,
		.disabled = 1,
		.exclude_user = 1,
		.exclude_callchain_user = 1,
	};

	profile->fd = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (profile->fd < 0)
		return -errno;
	profile->page =
		mmap(NULL, sysconf(_SC_PAGESIZE) + BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, profile->fd, 0);
	if (profile->page == MAP_FAILED) {
		profile->page = NULL;
		return -errno;
	}
	return 0;
}

int profile_open(int program_fd, struct profile **ret)
{
	struct profile *profile = xnew(struct profile);
	int r;

	profile->fd = -1;
	r = code_read(program_fd, &profile->code);
	if (!r)
		r = symbols_read();
	if (!r)
		r = clock_open(profile);
	if (r) {
		profile_free(profile);
		return r;
	}
	*ret = profile;
	return 0;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	if (profile->page)
		munmap(profile->page, sysconf(_SC_PAGESIZE) + BUFFER_SIZE);
	if (profile->fd >= 0)
		close(profile->fd);
	code_free(&profile->code);
	free(profile->samples);
	free(profile);
}

void profile_begin(struct profile *profile)
{
	ioctl(profile->fd, PERF_EVENT_IOC_ENABLE, 0);
}

static void keep(struct profile *profile, struct sample sample)
{
	if (profile->sample_count == profile->sample_room) {
		profile->sample_room = profile->sample_room ? 2 * profile->sample_room : 1024;
		profile->samples = xrealloc(profile->samples, profile->sample_room * sizeof(*profile->samples));
	}
	profile->samples[profile->sample_count++] = sample;
}

/* The innermost frame comes first. What the program is not among is the harness's. */
static void take_chain(struct profile *profile, const uint64_t *chain, uint64_t depth)
{
	const char *callee = NULL;

	for (uint64_t i = 0; i < depth; i++) {
		if (chain[i] >= PERF_CONTEXT_MAX) /* a marker */
			continue;
		if (code_has(&profile->code, chain[i])) {
			/* A caller's frame has the address it returns to, which may be the next line's. */
			uint32_t line = code_line(&profile->code, chain[i] - !!callee);

			keep(profile, (struct sample){.line = line, .callee = callee});
			return;
		}
		callee = symbol_at(chain[i]);
	}
}

/* Records may go over the buffer's end. */
static void copy_out(const struct profile *profile, uint64_t position, void *out, size_t size)
{
	const char *data = (const char *)profile->page + profile->page->data_offset;

	for (size_t i = 0; i < size; i++)
		((char *)out)[i] = data[(position + i) % BUFFER_SIZE];
}

void profile_collect(struct profile *profile)
{
	uint64_t head = __atomic_load_n(&profile->page->data_head, __ATOMIC_ACQUIRE), tail = profile->page->data_tail;

	while (tail < head) {
		struct {
			struct perf_event_header header;
			uint64_t depth, chain[DEPTH_MAX + 8];
		} record = {};

		copy_out(profile, tail, &record.header, sizeof(record.header));
		if (record.header.type == PERF_RECORD_SAMPLE && record.header.size <= sizeof(record)) {
			copy_out(profile, tail, &record, record.header.size);
			take_chain(profile, record.chain, record.depth);
		}
		tail += record.header.size;
	}
	__atomic_store_n(&profile->page->data_tail, tail, __ATOMIC_RELEASE);
}

void profile_end(struct profile *profile)
{
	ioctl(profile->fd, PERF_EVENT_IOC_DISABLE, 0);
	profile_collect(profile);
}

static int compare_samples(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->callee > y->callee) - (x->callee < y->callee);
}

json_t *profile_lines(struct profile *profile)
{
	json_t *lines = json_array();

	qsort(profile->samples, profile->sample_count, sizeof(*profile->samples), compare_samples);
	for (size_t first = 0, next; first < profile->sample_count; first = next) {
		const struct sample *sample = &profile->samples[first];
		const struct bpf_line_info *line = &profile->code.lines[sample->line];

		for (next = first; next < profile->sample_count; next++)
			if (compare_samples(sample, &profile->samples[next]))
				break;
		json_array_append_new(lines, json_pack("{s:s, s:i, s:s?, s:I}", "file",
		                                       btf__name_by_offset(profile->code.btf, line->file_name_off),
		                                       "line", (int)BPF_LINE_INFO_LINE_NUM(line->line_col), "callee",
		                                       sample->callee, "samples", (json_int_t)(next - first)));
	}
	return lines;
}
