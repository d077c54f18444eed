/* A file system without locks and shared memory maps, for whatever lies below $NO_LOCKS_UNDER.
 * Loaded in front of libc by LD_PRELOAD: locks fail with ENOLCK and shared maps with ENODEV,
 * as on network and FUSE mounts that support neither. NO_LOCKS_KINDS chooses which of them:
 * any of the letters f (flock), p (fcntl record locks) and m (shared maps). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

static int is_refused(int fd, char kind) {
    const char *under = getenv("NO_LOCKS_UNDER");
    const char *kinds = getenv("NO_LOCKS_KINDS");
    if (under == NULL || fd < 0 || (kinds != NULL && strchr(kinds, kind) == NULL)) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = '\0';
    return strncmp(path, under, strlen(under)) == 0;
}

int flock(int fd, int operation) {
    static int (*real)(int, int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "flock");
    if (is_refused(fd, 'f')) { errno = ENOLCK; return -1; }
    return real(fd, operation);
}

static int is_lock(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK;
}

#define FCNTL(name)                                                          \
    int name(int fd, int command, ...) {                                     \
        static int (*real)(int, int, ...);                                   \
        if (real == NULL) real = dlsym(RTLD_NEXT, #name);                    \
        va_list rest;                                                        \
        va_start(rest, command);                                             \
        void *argument = va_arg(rest, void *);                               \
        va_end(rest);                                                        \
        if (is_lock(command) && is_refused(fd, 'p')) { errno = ENOLCK; return -1; } \
        return real(fd, command, argument);                                  \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

#define MMAP(name, offset_type)                                              \
    void *name(void *at, size_t length, int protection, int flags, int fd, offset_type offset) { \
        static void *(*real)(void *, size_t, int, int, int, offset_type);    \
        if (real == NULL) real = dlsym(RTLD_NEXT, #name);                    \
        if ((flags & MAP_SHARED) && is_refused(fd, 'm')) { errno = ENODEV; return MAP_FAILED; } \
        return real(at, length, protection, flags, fd, offset);              \
    }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)
