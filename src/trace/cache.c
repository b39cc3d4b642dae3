/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "trace/lexer.h"
#include "trace/prelude.h"

#define FILES_MAX      256
#define FILE_MAX_BYTES (64 << 20)

/* A file is a number, so many bytes of warnings, and the object. */
#define HEAD_BYTES sizeof(uint64_t)

/* ── what the result depends on ── */

/* clang looks for <a/b.h> beside the source, too. */
static bool is_beside(const char *source, const char *name, size_t length)
{
	const char *slash = strrchr(source, '/');
	_cleanup_free_ char *path =
		xasprintf("%.*s%.*s", slash ? (int)(slash - source + 1) : 0, source, (int)length, name);

	return !access(path, F_OK);
}

/* Is what this #include names somebody's own, which may change? */
static bool includes_file(const struct token *what, const char *source)
{
	if (token_is(what, "<"))
		return is_beside(source, what->start + 1, strcspn(what->start + 1, ">\n"));
	return !token_is(what, "\"vmlinux.h\"");
}

static bool includes_files(const struct compile_source *source)
{
	struct tokens tokens;
	bool found = false;

	tokens_read(&tokens, source->text);
	for (size_t i = 0; !found && i < tokens.count; i++)
		found = token_is(&tokens.list[i], "include") && tokens.list[i].in_directive &&
		        includes_file(token_at(&tokens, i + 1), source->name);
	tokens_clear(&tokens);
	return found;
}

/* Where to look for files, and which: all but macros and warnings. */
static bool flags_name_files(const struct compile_source *source)
{
	bool found = false;

	for (size_t i = 0; !found && i < source->flag_count; i++)
		found = !strncmp(source->flags[i], "-I", 2) || !strncmp(source->flags[i], "-i", 2);
	return found;
}

static void add(XXH3_state_t *state, const char *text)
{
	XXH3_128bits_update(state, text, strlen(text) + 1);
}

/* A compiler is known by its place, size and date. */
static void add_file(XXH3_state_t *state, const char *path)
{
	struct stat status = {};

	add(state, path);
	if (!stat(path, &status)) {
		XXH3_128bits_update(state, &status.st_size, sizeof(status.st_size));
		XXH3_128bits_update(state, &status.st_mtim, sizeof(status.st_mtim));
	}
}

static void add_kernel(XXH3_state_t *state)
{
	struct utsname kernel = {};

	uname(&kernel);
	add(state, kernel.release);
	add(state, kernel.version);
	add(state, kernel.machine);
}

/* Tells builds of one version apart: among the notes is a hash of the kernel's own bytes. */
static void add_kernel_notes(XXH3_state_t *state)
{
	_cleanup_free_ char *notes = NULL;
	size_t size;

	if (!file_read("/sys/kernel/notes", FILE_MAX_BYTES, &notes, &size))
		XXH3_128bits_update(state, notes, size);
}

static XXH3_state_t *begin(void)
{
	XXH3_state_t *state = XXH3_createState();

	XXH3_128bits_reset(state);
	add(state, PILUS_VERSION);
	add_kernel(state);
	add_kernel_notes(state);
	return state;
}

static char *finish(XXH3_state_t *state)
{
	XXH128_hash_t hash = XXH3_128bits_digest(state);

	XXH3_freeState(state);
	return xasprintf("%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

char *cache_key(const struct compile_source *source)
{
	_cleanup_free_ char *clang = compile_find_clang();
	XXH3_state_t *state;

	if (!clang || includes_files(source) || flags_name_files(source))
		return NULL;
	state = begin();
	add(state, prelude_types);
	add(state, prelude_dialect);
	add_file(state, clang);
	add(state, source->name);
	add(state, source->text);
	for (size_t i = 0; i < source->flag_count; i++)
		add(state, source->flags[i]);
	return finish(state);
}

/* ── the folder ── */

/* Root's is not in anybody's home, for sudo may keep the user's. */
static char *folder_name(void)
{
	const char *chosen = secure_getenv("PILUS_CACHE"), *base = secure_getenv("XDG_CACHE_HOME");
	const char *home = secure_getenv("HOME");

	if (chosen)
		return xstrdup(chosen);
	if (!geteuid())
		return xstrdup("/var/cache/pilus/trace");
	if (base && *base == '/')
		return xasprintf("%s/pilus/trace", base);
	return home ? xasprintf("%s/.cache/pilus/trace", home) : NULL;
}

static int open_folder(bool make)
{
	_cleanup_free_ char *name = folder_name();
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (!name || (make && folder_make(name, 0700)))
		return -ENOENT;
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (status.st_uid != geteuid() || status.st_mode & 022)
		return -EPERM;
	return TAKE_FD(fd);
}

int cache_get(const char *key, struct compiled *ret)
{
	_cleanup_close_ int folder = open_folder(false);
	_cleanup_close_ int fd = folder < 0 ? -1 : openat(folder, key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *content = NULL;
	uint64_t warnings;
	size_t size;

	if (fd < 0 || file_read_fd(fd, FILE_MAX_BYTES, &content, &size) || size < HEAD_BYTES)
		return -ENOENT;
	memcpy(&warnings, content, HEAD_BYTES);
	if (warnings > size - HEAD_BYTES)
		return -EBADMSG;
	futimens(fd, NULL); /* used: others go first */
	ret->warnings = xasprintf("%.*s", (int)warnings, content + HEAD_BYTES);
	ret->size = size - HEAD_BYTES - warnings;
	ret->object = xcalloc(1, ret->size + 1);
	memcpy(ret->object, content + HEAD_BYTES + warnings, ret->size);
	return 0;
}

/* ── room ── */

static void remove_oldest(int folder)
{
	struct stat status, oldest = {};
	const struct dirent *entry;
	char name[256] = "";
	size_t count = 0;
	DIR *entries = fdopendir(fcntl(folder, F_DUPFD_CLOEXEC, 0));

	if (!entries)
		return;
	rewinddir(entries);
	while ((entry = readdir(entries))) {
		if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode))
			continue;
		if (!count++ || status.st_mtim.tv_sec < oldest.st_mtim.tv_sec) {
			oldest = status;
			snprintf(name, sizeof(name), "%s", entry->d_name);
		}
	}
	closedir(entries);
	if (count > FILES_MAX)
		unlinkat(folder, name, 0);
}

void cache_put(const char *key, const struct compiled *compiled)
{
	_cleanup_close_ int folder = open_folder(true);
	_cleanup_free_ char *name = folder_name(), *path = NULL, *content = NULL;
	uint64_t warnings = strlen(compiled->warnings);

	if (folder < 0)
		return;
	content = xcalloc(1, HEAD_BYTES + warnings + compiled->size);
	memcpy(content, &warnings, HEAD_BYTES);
	memcpy(content + HEAD_BYTES, compiled->warnings, warnings);
	memcpy(content + HEAD_BYTES + warnings, compiled->object, compiled->size);
	path = xasprintf("%s/%s", name, key);
	file_write_atomic(path, content, HEAD_BYTES + warnings + compiled->size, 0600);
	remove_oldest(folder);
}

char *cache_path(const void *bytes, size_t size)
{
	_cleanup_close_ int folder = open_folder(true);
	_cleanup_free_ char *name = folder_name(), *key = NULL;
	XXH3_state_t *state;

	if (folder < 0)
		return NULL;
	state = begin();
	XXH3_128bits_update(state, bytes, size);
	key = finish(state);
	return xasprintf("%s/%s", name, key);
}
