/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF files, by libelf. They may be anybody's, as any container's: nothing they say of themselves is believed.
 */
#include "trace/symbols/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

/* Notes of static probes: sys/sdt.h of systemtap. */
#define SDT_NOTE_TYPE 3
#define SDT_NOTE_NAME "stapsdt"

struct segment {
	uint64_t address, offset, size;
	bool executable;
};

struct elf_file {
	int fd;
	Elf *elf;
	struct segment *segments;
	size_t segment_count;
	struct elf_function *functions;
	size_t count;
	char build_id[BUILD_ID_TEXT_MAX];
};

void elf_close(struct elf_file *file)
{
	if (!file)
		return;
	elf_end(file->elf);
	cleanup_close(&file->fd);
	free(file->segments);
	free(file->functions);
	free(file);
}
DEFINE_CLEANUP(struct elf_file *, elf_close)

static void read_segments(struct elf_file *file)
{
	size_t count = 0;
	GElf_Phdr header;

	elf_getphdrnum(file->elf, &count);
	file->segments = xcalloc(count + 1, sizeof(*file->segments));
	for (size_t i = 0; i < count; i++)
		if (gelf_getphdr(file->elf, (int)i, &header) && header.p_type == PT_LOAD)
			file->segments[file->segment_count++] = (struct segment){
				.address = header.p_vaddr,
				.offset = header.p_offset,
				.size = header.p_filesz,
				.executable = header.p_flags & PF_X,
			};
}

/* Of an address as linked; false: it is not in the file. */
static bool offset_of(const struct elf_file *file, uint64_t address, bool executable, uint64_t *ret)
{
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct segment *segment = &file->segments[i];

		if ((executable && !segment->executable) || address - segment->address >= segment->size)
			continue;
		*ret = address - segment->address + segment->offset;
		return true;
	}
	return false;
}

static void add_function(struct elf_file *file, size_t names, const GElf_Sym *symbol)
{
	const char *name = elf_strptr(file->elf, names, symbol->st_name);
	struct elf_function function = {.name = name, .address = symbol->st_value, .size = symbol->st_size};

	if (GELF_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF || !name || !name[0] ||
	    !offset_of(file, symbol->st_value, true, &function.offset))
		return;
	file->functions[file->count++] = function;
}

/* NULL also for a section that has a size, but nothing in the file. */
static Elf_Data *data_of(Elf_Scn *section)
{
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;

	return data && data->d_buf ? data : NULL;
}

static void read_symbols(struct elf_file *file, Elf_Scn *section, const GElf_Shdr *header)
{
	Elf_Data *data = data_of(section);
	size_t count = data ? data->d_size / gelf_fsize(file->elf, ELF_T_SYM, 1, EV_CURRENT) : 0;
	GElf_Sym symbol;

	file->functions = xrealloc(file->functions, (file->count + count + 1) * sizeof(*file->functions));
	for (size_t i = 0; i < count; i++)
		if (gelf_getsym(data, (int)i, &symbol))
			add_function(file, header->sh_link, &symbol);
}

static void read_build_id(struct elf_file *file, Elf_Scn *section)
{
	Elf_Data *data = data_of(section);
	size_t name, description;
	GElf_Nhdr note;

	for (size_t at = 0; data && (at = gelf_getnote(data, at, &note, &name, &description)) > 0;) {
		const unsigned char *bytes = (unsigned char *)data->d_buf + description;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_descsz > BUILD_ID_TEXT_MAX / 2)
			continue;
		for (size_t i = 0; i < note.n_descsz; i++)
			snprintf(file->build_id + 2 * i, 3, "%02x", bytes[i]);
	}
}

static Elf_Scn *find_section(const struct elf_file *file, const char *wanted, GElf_Shdr *ret)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names))
		return NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		const char *name = gelf_getshdr(section, ret) ? elf_strptr(file->elf, names, ret->sh_name) : NULL;

		if (name && !strcmp(name, wanted))
			return section;
	}
	return NULL;
}

static int by_address(const void *left, const void *right)
{
	const struct elf_function *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* Both symbol tables have most names. */
static void sort_functions(struct elf_file *file)
{
	size_t kept = 0;

	qsort(file->functions, file->count, sizeof(*file->functions), by_address);
	for (size_t i = 0; i < file->count; i++)
		if (!kept || by_address(&file->functions[kept - 1], &file->functions[i]))
			file->functions[kept++] = file->functions[i];
	file->count = kept;
}

static void read_tables(struct elf_file *file)
{
	static const char *const TABLES[] = {".symtab", ".dynsym"};
	GElf_Shdr header;
	Elf_Scn *section;

	for (size_t i = 0; i < sizeof(TABLES) / sizeof(*TABLES); i++) {
		section = find_section(file, TABLES[i], &header);
		if (section)
			read_symbols(file, section, &header);
	}
	section = find_section(file, ".note.gnu.build-id", &header);
	if (section)
		read_build_id(file, section);
}

int elf_open(const char *path, struct elf_file **ret, struct error *error)
{
	_cleanup_(elf_closep) struct elf_file *file = xnew(struct elf_file);

	elf_version(EV_CURRENT);
	/* A FIFO would let us wait. */
	file->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (file->fd < 0)
		return error_set_errno(error, -errno, "%s", path);
	file->elf = elf_begin(file->fd, ELF_C_READ_MMAP, NULL);
	if (!file->elf || elf_kind(file->elf) != ELF_K_ELF)
		return error_set(error, -ENOEXEC, "%s is no ELF file", path);
	read_segments(file);
	read_tables(file);
	sort_functions(file);
	*ret = TAKE_PTR(file);
	return 0;
}

size_t elf_function_count(const struct elf_file *file)
{
	return file->count;
}

const struct elf_function *elf_function(const struct elf_file *file, size_t index)
{
	return &file->functions[index];
}

const struct elf_function *elf_find_function(const struct elf_file *file, const char *name)
{
	for (size_t i = 0; i < file->count; i++)
		if (!strcmp(file->functions[i].name, name))
			return &file->functions[i];
	return NULL;
}

static bool address_of(const struct elf_file *file, uint64_t offset, uint64_t *ret)
{
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct segment *segment = &file->segments[i];

		if (!segment->executable || offset - segment->offset >= segment->size)
			continue;
		*ret = offset - segment->offset + segment->address;
		return true;
	}
	return false;
}

const struct elf_function *elf_function_at(const struct elf_file *file, uint64_t offset)
{
	const struct elf_function *nearest;
	size_t low = 0, high = file->count;
	uint64_t address;

	if (!address_of(file, offset, &address))
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (file->functions[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	nearest = &file->functions[low - 1];
	return !nearest->size || address - nearest->address < nearest->size ? nearest : NULL;
}

const char *elf_build_id(const struct elf_file *file)
{
	return file->build_id;
}

/* What a note of sys/sdt.h holds before its three strings. */
struct sdt_note {
	uint64_t address, base, semaphore;
};

/* Prelinking may have moved the file since: the section .stapsdt.base has moved with it. */
static uint64_t moved_by(const struct elf_file *file, uint64_t base)
{
	GElf_Shdr header;

	return base && find_section(file, ".stapsdt.base", &header) ? header.sh_addr - base : 0;
}

/* Returns the string at *at of the note, or NULL when it does not end in it; moves on. */
static const char *take_string(const char *note, size_t size, size_t *at)
{
	const char *text = note + *at;
	size_t length = *at < size ? strnlen(text, size - *at) : 0;

	if (*at >= size || *at + length >= size)
		return NULL;
	*at += length + 1;
	return text;
}

static int tell_probe(const struct elf_file *file, const char *note, size_t size,
                      int (*each)(void *userdata, const struct elf_probe *probe), void *userdata)
{
	struct elf_probe probe = {};
	struct sdt_note places;
	size_t at = sizeof(places);
	uint64_t moved;

	if (size < sizeof(places))
		return 0;
	memcpy(&places, note, sizeof(places));
	probe.provider = take_string(note, size, &at);
	probe.name = take_string(note, size, &at);
	probe.arguments = take_string(note, size, &at);
	moved = moved_by(file, places.base);
	if (!probe.arguments || !offset_of(file, places.address + moved, true, &probe.offset))
		return 0;
	if (places.semaphore && !offset_of(file, places.semaphore + moved, false, &probe.semaphore))
		return 0;
	return each(userdata, &probe);
}

int elf_each_probe(struct elf_file *file, int (*each)(void *userdata, const struct elf_probe *probe), void *userdata)
{
	GElf_Shdr header;
	Elf_Scn *section = find_section(file, ".note.stapsdt", &header);
	Elf_Data *data = data_of(section);
	size_t name, description;
	GElf_Nhdr note;
	int r = 0;

	/* Those of 32-bit files have other sizes, and nobody has asked for them. */
	if (gelf_getclass(file->elf) != ELFCLASS64)
		return 0;
	for (size_t at = 0; !r && data && (at = gelf_getnote(data, at, &note, &name, &description)) > 0;)
		if (note.n_type == SDT_NOTE_TYPE && note.n_namesz == sizeof(SDT_NOTE_NAME) &&
		    !memcmp((char *)data->d_buf + name, SDT_NOTE_NAME, sizeof(SDT_NOTE_NAME)))
			r = tell_probe(file, (char *)data->d_buf + description, note.n_descsz, each, userdata);
	return r;
}
