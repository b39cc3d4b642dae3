/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files and folders: read, replaced atomically, made with parents.
 *
 * The temporary files are called .NAME.XXXXXX: a crash may leave one behind, for the folder's owner to remove. Whoever
 * watches the folder sees a replaced file as moved there and a created one as created, each complete.
 */
#ifndef PILUS_BASE_FILE_H
#define PILUS_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a whole file of at most `max` bytes; the caller frees *ret, which ends in NUL. -EFBIG when larger. ret_size may
 * be NULL. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_size);

/* The same of what is open, which may be a pipe: waits for its end. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size);

/* Replaces `path` by a new file (temporary file beside it, fsync, rename): a reader sees the old or the new, also after
 * a crash. */
int file_write_atomic(const char *path, const char *data, size_t size, mode_t mode);

/* As file_write_atomic, but -EEXIST when the path is there already; of several at once one wins. */
int file_create_atomic(const char *path, const char *data, size_t size, mode_t mode);

/* By its name: is it, or was it, a file on its way to be written? */
bool file_is_temporary(const char *name);

/* Removes a file so that it stays removed after a crash. No such file is success. */
int file_delete(const char *path);

/* Makes a folder with its parents; there already is fine. */
int folder_make(const char *path, mode_t mode);

#endif
