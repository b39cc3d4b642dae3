/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/compile.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "trace/child.h"
#include "trace/dialect.h"
#include "trace/event_format.h"
#include "trace/explain.h"
#include "trace/kernel_reads.h"
#include "trace/kernel_types.h"
#include "trace/prelude.h"
#include "trace/tracefs.h"

#if defined(__x86_64__)
#define MACHINE "-DPILUS_X86_64"
#define TARGET  "-D__TARGET_ARCH_x86"
#elif defined(__aarch64__)
#define MACHINE "-DPILUS_AARCH64"
#define TARGET  "-D__TARGET_ARCH_arm64"
#else
#define MACHINE "-DPILUS_OTHER_MACHINE"
#define TARGET  MACHINE
#endif

#define ARGUMENTS_MAX 96
#define HEADER        "pilus.h"

#define INTERMEDIATE      "pilus.ll"
#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))

static const char *const target[] = {"-target", "bpf", "-mcpu=v3", "-O2", "-g", "-o", "-"};
static const char *const language[] = {
	"-std=gnu17",
	"-Wall",
	"-Wno-unused-function",
	"-Wno-unused-variable",
	"-Wno-unused-value",
	"-Wno-address-of-packed-member",
	"-Wno-compare-distinct-pointer-types",
	"-Wno-duplicate-decl-specifier",
	"-Wno-gnu-variable-sized-type-not-at-end",
	"-Wno-pointer-sign",
	"-Wno-visibility",
	"-idirafter",
	HEADERS,
	MACHINE,
	TARGET,
};

/* ── the folder in which clang works: a real file with a real name, for line information quotes its lines ── */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	remove(path);
	return 0;
}

static void folder_remove(const char **folder)
{
	if (*folder)
		nftw(*folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int write_file(const char *folder, const char *name, const char *text, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	_cleanup_fclose_ FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fflush(file))
		return error_set_errno(error, -errno, "cannot write %s", path);
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ── the header ── */

/* "syscalls__sys_enter_mkdir" */
static int write_event(const char *event, const char *file, FILE *out, struct error *error)
{
	_cleanup_free_ char *category = xstrdup(event), *path = NULL, *format = NULL, *name = NULL;
	char *separator = strstr(category, "__");
	int r;

	*separator = '\0';
	path = xasprintf("events/%s/%s/format", category, separator + 2);
	r = tracefs_read(path, &format, error);
	if (r == -ENOENT)
		return error_set(error, r, "%s: this kernel has no tracepoint %s:%s", file, category, separator + 2);
	if (r < 0)
		return r;
	name = xasprintf("tracepoint__%s", event);
	event_format_write(format, name, out);
	return 0;
}

/* 6.1.42 is 0x06012a. */
static unsigned kernel_version(void)
{
	unsigned major = 0, minor = 0, patch = 0;
	struct utsname kernel = {};

	uname(&kernel);
	sscanf(kernel.release, "%u.%u.%u", &major, &minor, &patch);
	return major << 16 | minor << 8 | (patch > 255 ? 255 : patch);
}

static int write_header(const struct dialect *dialect, const char *file, FILE *out, struct error *error)
{
	int r = 0;

	/* What the header says is not the author's fault. */
	fputs("#pragma clang system_header\n", out);
	if (dialect->takes_registers_apart)
		fputs("#define PILUS_REGISTERS_APART\n", out);
	fprintf(out, "#define PILUS_VERSION_CODE %u\n", kernel_version());
	if (dialect->has_usdt)
		fputs("#define PILUS_USDT\n", out);
	if (dialect->has_lines)
		fputs("#define PILUS_LINES\n", out);
	fputs(prelude_types, out);
	fputs(prelude_helpers, out);
	fputs(prelude_abi, out);
	fputs(prelude_dialect, out);
	if (dialect->has_usdt)
		fputs(prelude_usdt, out);
	for (size_t i = 0; !r && i < dialect->event_count; i++)
		r = write_event(dialect->events[i], file, out, error);
	return r;
}

/* The header, and whether the kernel's types are in it. */
static int make_header(const struct dialect *dialect, const char *file, char **ret, bool *ret_kernel,
                       struct error *error)
{
	_cleanup_free_ char *text = NULL, *types = NULL;
	size_t size, types_size;
	FILE *out = open_memstream(&text, &size), *types_out = open_memstream(&types, &types_size);
	int r = write_header(dialect, file, out, error);

	fclose(out);
	if (!r)
		r = kernel_types_write(dialect->text, text, types_out, ret_kernel, error);
	fclose(types_out);
	if (!r)
		*ret = xasprintf("%s%s", text, types);
	return r;
}

/* For C for libbpf: so much of the kernel's types as the text names. libbpf's macros name registers besides. */
static int make_vmlinux(const char *text, char **ret, struct error *error)
{
	_cleanup_free_ char *asked = xasprintf("%s\nstruct pt_regs;\n", text), *types = NULL;
	size_t size;
	FILE *out = open_memstream(&types, &size);
	bool any;
	int r = kernel_types_write(asked, prelude_types, out, &any, error);

	fclose(out);
	if (!r)
		*ret = xasprintf("#pragma clang system_header\n#define __VMLINUX_H__\n%s%s", prelude_types, types);
	return r;
}

/* ── clang ── */

static char *find_in_path(const char *name)
{
	_cleanup_free_ char *folders = xstrdup(getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin");
	char *rest = folders, *folder;

	while ((folder = strsep(&rest, ":"))) {
		_cleanup_free_ char *path = xasprintf("%s/%s", *folder ? folder : ".", name);

		if (!access(path, X_OK))
			return TAKE_PTR(path);
	}
	return NULL;
}

char *compile_find_clang(void)
{
	static const char *const names[] = {"clang-22", "clang-21", "clang-20", "clang-19", "clang-18",
	                                    "clang-17", "clang-16", "clang-15", "clang",    "clang-14"};
	const char *chosen = secure_getenv("PILUS_CLANG");

	if (chosen)
		return xstrdup(chosen);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *path = find_in_path(names[i]);

		if (path)
			return path;
	}
	return NULL;
}

struct command_line {
	const char *words[ARGUMENTS_MAX];
	size_t count;
};

static void append(struct command_line *line, const char *word)
{
	if (line->count < ARGUMENTS_MAX - 1)
		line->words[line->count++] = word;
}

/* clang says this once for each instruction, and at length. */
static const char stack_words[] = "BPF stack limit";

static int explain_failure(const char *name, char *words, struct error *error)
{
	const char *stack = strstr(words, stack_words);
	char *second = stack ? strstr(stack, ": error: ") : NULL;

	if (!stack)
		return error_set(error, -EINVAL, "%s does not compile", name);
	while (second && second > words && second[-1] != '\n')
		second--;
	if (second)
		*second = '\0';
	return error_set(error, -EINVAL, "%s: %s", name, explain_reason(stack_words, strlen(stack_words)));
}

static int run_clang(const struct command_line *line, const char *folder, const char *name, struct compiled *ret,
                     char **ret_details, struct error *error)
{
	_cleanup_free_ char *words = NULL;
	char *before;
	int status = child_run(line->words, folder, NULL, &ret->object, &ret->size, &words, error);

	if (status < 0)
		return status;
	if (status) {
		free(ret->object);
		ret->object = NULL;
		explain_failure(name, words, error);
		*ret_details = TAKE_PTR(words);
		return -EINVAL;
	}
	before = ret->warnings;
	ret->warnings = xasprintf("%s%s", before ?: "", words);
	free(before);
	return 0;
}

/* The folder of the author's file, for what it includes; the caller frees it. */
static char *folder_of_source(const char *name)
{
	const char *slash = strrchr(name, '/');
	_cleanup_free_ char *folder = slash ? xasprintf("%.*s", (int)(slash - name + 1), name) : xstrdup(".");

	return realpath(folder, NULL);
}

static void append_all(struct command_line *line, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		append(line, words[i]);
}

/* What is compiled, and where. */
struct job {
	const struct compile_source *source;
	const char *clang, *folder;
	const char *header;  /* of the dialect; NULL for C for libbpf */
	const char *vmlinux; /* what that includes as vmlinux.h; NULL: it does not */
	const char *text;
	bool reads_kernel;
};

/* By way of the intermediate text, in which reads of the kernel's memory are found. */
static int compile_reads(const struct job *job, const char *file, struct compiled *ret, char **ret_details,
                         struct error *error)
{
	_cleanup_free_ char *rewritten = kernel_reads_rewrite(ret->object);
	struct command_line line = {.words = {job->clang}, .count = 1};
	int r;

	/* Before 15, pointers in the intermediate text have types. */
	if (strstr(ret->object, "access.index.p0s"))
		return error_set(error, -EOPNOTSUPP,
		                 "%s reads the kernel's structs, for which clang must be 15 or newer", file);
	r = write_file(job->folder, INTERMEDIATE, rewritten, error);

	if (r < 0)
		return r;
	append_all(&line, target, ARRAY_SIZE(target));
	append_all(&line, (const char *const[]){"-c", "-x", "ir", INTERMEDIATE}, 4);
	free(TAKE_PTR(ret->object));
	return run_clang(&line, job->folder, file, ret, ret_details, error);
}

static int compile_in(const struct job *job, struct compiled *ret, char **ret_details, struct error *error)
{
	static const char *const intermediate[] = {"-S", "-emit-llvm", "-fdiscard-value-names", "-Xclang",
	                                           "-disable-llvm-passes"};
	_cleanup_free_ char *beside = folder_of_source(job->source->name);
	_cleanup_free_ char *file = xasprintf("./%s", base_name(job->source->name));
	struct command_line line = {.words = {job->clang}, .count = 1};
	int r = write_file(job->folder, file, job->text, error);

	if (!r && job->header)
		r = write_file(job->folder, HEADER, job->header, error);
	if (!r && job->vmlinux)
		r = write_file(job->folder, "vmlinux.h", job->vmlinux, error);
	if (r < 0)
		return r;
	append_all(&line, target, ARRAY_SIZE(target));
	append_all(&line, language, ARRAY_SIZE(language));
	if (job->reads_kernel)
		append_all(&line, intermediate, ARRAY_SIZE(intermediate));
	else
		append(&line, "-c");
	append_all(&line, (const char *const[]){"-I", beside ?: "/"}, 2);
	append_all(&line, job->source->flags, job->source->flag_count);
	if (job->header)
		append_all(&line, (const char *const[]){"-include", HEADER}, 2);
	append(&line, file);
	r = run_clang(&line, job->folder, file + strlen("./"), ret, ret_details, error);
	return r || !job->reads_kernel ? r : compile_reads(job, file + strlen("./"), ret, ret_details, error);
}

/* ── both ── */

static int compile_job(struct job *job, struct compiled *ret, char **ret_details, struct error *error)
{
	char name[] = "/tmp/pilus-compile.XXXXXX";
	_cleanup_(folder_remove) const char *folder = mkdtemp(name);
	_cleanup_free_ char *clang = compile_find_clang();

	if (!folder)
		return error_set_errno(error, -errno, "cannot make a folder to compile in");
	if (!clang)
		return error_set(error, -ENOENT, "C text needs clang, which is not installed: apt install clang");
	job->folder = folder;
	job->clang = clang;
	return compile_in(job, ret, ret_details, error);
}

int compile(const struct compile_source *source, struct compiled *ret, char **ret_details, struct error *error)
{
	_cleanup_(dialect_clear) struct dialect dialect = {};
	_cleanup_(compiled_clear) struct compiled compiled = {};
	_cleanup_free_ char *header = NULL, *vmlinux = NULL;
	struct job job = {.source = source, .text = source->text};
	int r = 0;

	if (dialect_is(source->text)) {
		dialect_rewrite(&dialect, base_name(source->name), source->text);
		r = make_header(&dialect, base_name(source->name), &header, &job.reads_kernel, error);
		compiled.warnings = xstrdup(dialect.warnings);
		job.text = dialect.text;
		job.header = header;
	}
	if (!job.header && strstr(source->text, "\"vmlinux.h\""))
		r = make_vmlinux(source->text, &vmlinux, error);
	job.vmlinux = vmlinux;
	if (!r)
		r = compile_job(&job, &compiled, ret_details, error);
	if (r < 0)
		return r;
	*ret = compiled;
	compiled = (struct compiled){};
	return 0;
}

void compiled_clear(struct compiled *compiled)
{
	free(compiled->object);
	free(compiled->warnings);
	*compiled = (struct compiled){};
}
