/* Kills the process, or fails, at the n-th call that makes bytes durable or visible. Preloaded by crash.py.
 *
 * FAULT_CALLS  names of calls, separated by commas
 * FAULT_ARMED  nothing is counted until this file is there
 * FAULT_AT     the call at which it happens, from 1
 * FAULT_EVERY  how often it happens again after that; 0 for never
 * FAULT_ERROR  the error that the call returns; 0 kills the process instead
 * FAULT_WHEN   "before" or "after" the call has been made
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls_seen;

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : 0;
}

static int is_planned(const char *call) {
    const char *list = getenv("FAULT_CALLS");
    const char *armed = getenv("FAULT_ARMED");
    size_t length = strlen(call);
    if (!list || !armed || access(armed, F_OK) != 0)
        return 0;
    for (const char *at = list; (at = strstr(at, call)) != NULL; at += length)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
            return 1;
    return 0;
}

/* Whether this call is one that shall fail. */
static int is_hit(const char *call) {
    int saved = errno, hit = 0;
    if (is_planned(call)) {
        long seen = atomic_fetch_add(&calls_seen, 1) + 1, at = number("FAULT_AT"), every = number("FAULT_EVERY");
        hit = seen == at || (every > 0 && seen > at && (seen - at) % every == 0);
    }
    errno = saved;
    return hit;
}

static int is_after(void) {
    const char *when = getenv("FAULT_WHEN");
    return when && strcmp(when, "after") == 0;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static int is_file(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

#define FAULT(type, name, relevant, parameters, arguments)             \
    type name parameters {                                             \
        static type(*real) parameters;                                 \
        if (!real)                                                     \
            real = (type(*) parameters)dlsym(RTLD_NEXT, #name);        \
        if (!(relevant) || !is_hit(#name))                             \
            return real arguments;                                     \
        int error = (int)number("FAULT_ERROR");                        \
        if (is_after())                                                \
            (void)real arguments;                                      \
        if (error == 0)                                                \
            die();                                                     \
        errno = error;                                                 \
        return -1;                                                     \
    }

FAULT(int, fsync, 1, (int fd), (fd))
FAULT(int, fdatasync, 1, (int fd), (fd))
FAULT(int, rename, 1, (const char *from, const char *to), (from, to))
FAULT(int, link, 1, (const char *from, const char *to), (from, to))
FAULT(int, linkat, 1, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
FAULT(int, unlink, 1, (const char *path), (path))
FAULT(int, ftruncate64, 1, (int fd, off64_t length), (fd, length))
FAULT(int, mkdir, 1, (const char *path, mode_t mode), (path, mode))
FAULT(ssize_t, write, is_file(fd), (int fd, const void *bytes, size_t count), (fd, bytes, count))
FAULT(ssize_t, writev, is_file(fd), (int fd, const struct iovec *parts, int count), (fd, parts, count))
FAULT(ssize_t, pwrite64, is_file(fd), (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
