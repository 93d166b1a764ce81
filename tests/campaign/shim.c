/* Counts the system calls of this process that write under a prefix, and lets one of them go wrong; see shim.py. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum fate { GO, DIE, DIE_HALFWAY, DO_HALF, FAIL };

static char prefix[4096];
static long count, chosen;
static enum fate chosen_fate;
static int chosen_error;

void shim_arm(const char *where, long at, int fate, int error) {
    snprintf(prefix, sizeof prefix, "%s", where);
    count = 0;
    chosen = at;
    chosen_fate = fate;
    chosen_error = error;
}

long shim_count(void) { return count; }

static int die(void) {
    kill(getpid(), SIGKILL);
    return -1;
}

static enum fate fate_of_path(const char *path) {
    if (!*prefix || strncmp(path, prefix, strlen(prefix)) || __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST) != chosen)
        return GO;
    if (chosen_fate == DIE)
        die();
    errno = chosen_error;
    return chosen_fate;
}

static enum fate fate_of_file(int file) {
    char link[64], path[4096];
    if (!*prefix)
        return GO;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    enum fate fate = fate_of_path(path);
    if (fate == FAIL && chosen_error == ECONNRESET) { /* then all that follows fails as well */
        shutdown(file, SHUT_RDWR);
        errno = ECONNRESET;
    }
    return fate;
}

/* A call with data, of which half may arrive. */
#define WITH_DATA(type, name, parameters, file, whole, half)                                                           \
    type name parameters {                                                                                             \
        type(*real) parameters = dlsym(RTLD_NEXT, #name);                                                              \
        switch (fate_of_file(file)) {                                                                                  \
        case FAIL: return -1;                                                                                          \
        case DO_HALF: return real half;                                                                                \
        case DIE_HALFWAY: real half; return die();                                                                     \
        default: return real whole;                                                                                    \
        }                                                                                                              \
    }

/* A call that is done or not. Halfway means that it is done, and that nobody learns of it. */
#define WITHOUT_DATA(name, parameters, fate, whole)                                                                    \
    int name parameters {                                                                                              \
        int(*real) parameters = dlsym(RTLD_NEXT, #name);                                                               \
        switch (fate) {                                                                                                \
        case FAIL: return -1;                                                                                          \
        case DIE_HALFWAY: real whole; return die();                                                                    \
        default: return real whole;                                                                                    \
        }                                                                                                              \
    }

/* The third argument is there only if a file may be made, and only then the call counts. */
#define OPENING(name)                                                                                                  \
    int name(const char *path, int flags, ...) {                                                                       \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);                                                 \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        switch (flags & O_CREAT ? fate_of_path(path) : GO) {                                                           \
        case FAIL: return -1;                                                                                          \
        case DIE_HALFWAY: real(path, flags, mode); return die();                                                       \
        default: return real(path, flags, mode);                                                                       \
        }                                                                                                              \
    }

WITH_DATA(ssize_t, write, (int file, const void *data, size_t size), file, (file, data, size), (file, data, size / 2))
WITH_DATA(ssize_t, pwrite, (int file, const void *data, size_t size, off_t at), file, (file, data, size, at),
          (file, data, size / 2, at))
WITH_DATA(ssize_t, pwrite64, (int file, const void *data, size_t size, off64_t at), file, (file, data, size, at),
          (file, data, size / 2, at))
WITH_DATA(ssize_t, writev, (int file, const struct iovec *parts, int size), file, (file, parts, size), (file, parts, 1))
WITH_DATA(ssize_t, send, (int file, const void *data, size_t size, int flags), file, (file, data, size, flags),
          (file, data, size / 2, flags))
WITH_DATA(ssize_t, sendmsg, (int file, const struct msghdr *message, int flags), file, (file, message, flags),
          (file, message, flags))

WITHOUT_DATA(fsync, (int file), fate_of_file(file), (file))
WITHOUT_DATA(fdatasync, (int file), fate_of_file(file), (file))
WITHOUT_DATA(ftruncate, (int file, off_t size), fate_of_file(file), (file, size))
WITHOUT_DATA(ftruncate64, (int file, off64_t size), fate_of_file(file), (file, size))
WITHOUT_DATA(link, (const char *from, const char *to), fate_of_path(to), (from, to))
WITHOUT_DATA(symlink, (const char *from, const char *to), fate_of_path(to), (from, to))
WITHOUT_DATA(rename, (const char *from, const char *to), fate_of_path(to), (from, to))
WITHOUT_DATA(unlink, (const char *path), fate_of_path(path), (path))
WITHOUT_DATA(unlinkat, (int folder, const char *name, int flags), fate_of_file(folder), (folder, name, flags))
WITHOUT_DATA(mkdir, (const char *path, mode_t mode), fate_of_path(path), (path, mode))
WITHOUT_DATA(rmdir, (const char *path), fate_of_path(path), (path))
OPENING(open)
OPENING(open64)
