/* Writes down every call that changes what lies below a directory, in the order in which they took effect, so that
 * powercut.py can say what would be there had the power gone at any of them. Preloaded by powercut.py.
 *
 * POWERCUT_ROOT   the directory that is watched; it is there before the program starts
 * POWERCUT_TRACE  the file that takes the records; outside of that directory
 * POWERCUT_AT     the program is killed once this many records but "O" are written; 0 or nothing for never
 * POWERCUT_IGNORE "files" or "directories": their fsync is not written down, as if it did nothing
 *
 * A record is a kind (1 byte), three numbers (8 bytes each), the length of what follows (4 bytes), and that; all
 * little-endian as the machine is:
 *   N  a name in directory `a` means inode `b` from now on, or nothing if `b` is 0; what follows is the name.
 *      `c` holds 1 if the inode is new, 2 if this and the next record are one change, and the file type from bit 8
 *   W  what follows is written to inode `a` at `b`; durable at once if `c` is 1
 *   T  inode `a` is `b` bytes long now
 *   S  inode `a` was synced; its content, or the names in it
 *   A  everything was synced
 *   O  something is about to be sent on a socket: from here on a client may have read an answer
 * One lock is held over each call and its record, so that their order is that of the effects.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { IS_NEW = 1, IS_JOINED = 2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int trace = -1;
static char root[PATH_MAX];
static const char *ignored = "";
static uint64_t steps, steps_max;

static void begin(void) {
    const char *watched = getenv("POWERCUT_ROOT"), *path = getenv("POWERCUT_TRACE"), *at = getenv("POWERCUT_AT");
    if (getenv("POWERCUT_IGNORE"))
        ignored = getenv("POWERCUT_IGNORE");
    steps_max = at ? strtoull(at, NULL, 10) : 0;
    if (!watched || !path || !realpath(watched, root))
        return;
    trace = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void take(void) {
    pthread_once(&once, begin);
    pthread_mutex_lock(&lock);
}

static void give(void) {
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
}

static void die(const char *why) {
    syscall(SYS_write, 2, why, strlen(why));
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

static void record(char kind, uint64_t a, uint64_t b, uint64_t c, const void *bytes, size_t length) {
    struct __attribute__((packed)) {
        char kind;
        uint64_t a, b, c;
        uint32_t length;
    } head = {kind, a, b, c, (uint32_t)length};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)bytes, length}};
    if (syscall(SYS_writev, trace, parts, 2) != (long)(sizeof head + length))
        die("powercut: the trace cannot be written\n");
    // The halves of one change are one step.
    if (kind != 'O' && !(kind == 'N' && (c & IS_JOINED)) && ++steps == steps_max)
        die("");
}

static int is_below(const char *path) {
    size_t length = strlen(root);
    return trace >= 0 && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Whether an open file lies below the root, or lay there. Its facts are given back. */
static int is_watched(int fd, struct stat *facts) {
    char link[64], path[PATH_MAX];
    if (trace < 0 || fstat(fd, facts) != 0 || !(S_ISREG(facts->st_mode) || S_ISDIR(facts->st_mode)))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = '\0';
    return is_below(path);
}

/* Where a name lies: its directory, and the name in it. */
struct place {
    uint64_t directory;
    char name[NAME_MAX + 1];
    char path[PATH_MAX];
};

static int find(int at, const char *path, struct place *place) {
    char whole[PATH_MAX], link[64], base[PATH_MAX] = "", parent[PATH_MAX];
    struct stat facts;
    int saved = errno, found = 0;
    if (trace < 0 || !path)
        return 0;
    if (path[0] != '/') {
        snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
        ssize_t length = readlink(link, base, sizeof base - 1);
        base[length < 0 ? 0 : length] = '\0';
    }
    if (snprintf(whole, sizeof whole, "%s/%s", base, path) >= (int)sizeof whole)
        die("powercut: a path is too long\n");
    for (size_t end = strlen(whole); end > 1 && whole[end - 1] == '/'; end--)
        whole[end - 1] = '\0';
    char *slash = strrchr(whole, '/');
    snprintf(place->name, sizeof place->name, "%s", slash + 1);
    *slash = '\0';
    if (realpath(whole[0] ? whole : "/", parent) && is_below(parent) && stat(parent, &facts) == 0) {
        place->directory = facts.st_ino;
        found = snprintf(place->path, sizeof place->path, "%s/%s", parent, place->name) < (int)sizeof place->path;
    }
    errno = saved;
    return found;
}

static int look(const struct place *place, struct stat *facts) {
    int saved = errno, result = lstat(place->path, facts);
    errno = saved;
    return result == 0;
}

static void name_is(const struct place *place, const struct stat *facts, uint64_t flags) {
    uint64_t type = facts ? (uint64_t)(facts->st_mode & S_IFMT) << 8 : 0;
    record('N', place->directory, facts ? facts->st_ino : 0, flags | type, place->name, strlen(place->name));
}

/* What a file holds now at a place, for calls that do not show what they write. */
static void reread(int fd, uint64_t inode, off_t at, size_t count) {
    char link[64], bytes[65536];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int file = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    for (ssize_t got; count > 0; count -= (size_t)got, at += got) {
        got = syscall(SYS_pread64, file, bytes, count < sizeof bytes ? count : sizeof bytes, at);
        if (got <= 0)
            break;
        record('W', inode, (uint64_t)at, 0, bytes, (size_t)got);
    }
    syscall(SYS_close, file);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Names that come and go. */

static int opened(int at, const char *path, int flags, mode_t mode) {
    struct place place;
    struct stat before, facts;
    take();
    int is_ours = (flags & (O_CREAT | O_TRUNC)) && find(at, path, &place), was_there = is_ours && look(&place, &before);
    int fd = (int)syscall(SYS_openat, at, path, flags | O_LARGEFILE, mode);
    int saved = errno;
    if (fd >= 0 && is_ours && fstat(fd, &facts) == 0) {
        if (!was_there)
            name_is(&place, &facts, IS_NEW);
        else if ((flags & O_TRUNC) && S_ISREG(facts.st_mode))
            record('T', facts.st_ino, 0, 0, NULL, 0);
    }
    errno = saved;
    give();
    return fd;
}

#define OPEN(name, parameters, at)                                     \
    int name parameters {                                              \
        mode_t mode = 0;                                               \
        if (flags & (O_CREAT | __O_TMPFILE)) {                         \
            va_list rest;                                              \
            va_start(rest, flags);                                     \
            mode = va_arg(rest, mode_t);                               \
            va_end(rest);                                              \
        }                                                              \
        return opened(at, path, flags, mode);                          \
    }
OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN(openat, (int at, const char *path, int flags, ...), at)
OPEN(openat64, (int at, const char *path, int flags, ...), at)
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* A call that makes the name `path`, new or another of a file that is there. */
#define MAKES(name, at, path, is_new, parameters, arguments)           \
    int name parameters {                                              \
        struct place place;                                            \
        struct stat facts;                                             \
        take();                                                        \
        int is_ours = find(at, path, &place);                          \
        int result = REAL(name) arguments;                             \
        if (result == 0 && is_ours && look(&place, &facts)) {          \
            name_is(&place, &facts, is_new);                           \
            if (S_ISLNK(facts.st_mode))                                \
                points(&place, &facts);                                \
        }                                                              \
        give();                                                        \
        return result;                                                 \
    }

static void points(const struct place *place, const struct stat *facts) {
    char target[PATH_MAX];
    ssize_t length = readlink(place->path, target, sizeof target);
    if (length > 0)
        record('W', facts->st_ino, 0, 0, target, (size_t)length);
}

static const char *socket_path(const struct sockaddr *address) {
    return address->sa_family == AF_UNIX ? ((const struct sockaddr_un *)address)->sun_path : NULL;
}

MAKES(mkdir, AT_FDCWD, path, IS_NEW, (const char *path, mode_t mode), (path, mode))
MAKES(mkdirat, at, path, IS_NEW, (int at, const char *path, mode_t mode), (at, path, mode))
MAKES(symlink, AT_FDCWD, path, IS_NEW, (const char *to, const char *path), (to, path))
MAKES(symlinkat, at, path, IS_NEW, (const char *to, int at, const char *path), (to, at, path))
MAKES(link, AT_FDCWD, path, 0, (const char *from, const char *path), (from, path))
MAKES(linkat, at, path, 0, (int there, const char *from, int at, const char *path, int flags), (there, from, at, path, flags))
MAKES(bind, AT_FDCWD, socket_path(address), IS_NEW, (int fd, const struct sockaddr *address, socklen_t length),
      (fd, address, length))

#define REMOVES(name, at, parameters, arguments)                       \
    int name parameters {                                              \
        struct place place;                                            \
        take();                                                        \
        int is_ours = find(at, path, &place);                          \
        int result = REAL(name) arguments;                             \
        if (result == 0 && is_ours)                                    \
            name_is(&place, NULL, 0);                                  \
        give();                                                        \
        return result;                                                 \
    }
REMOVES(unlink, AT_FDCWD, (const char *path), (path))
REMOVES(rmdir, AT_FDCWD, (const char *path), (path))
REMOVES(remove, AT_FDCWD, (const char *path), (path))
REMOVES(unlinkat, at, (int at, const char *path, int flags), (at, path, flags))

static int renamed(int there, const char *from, int at, const char *path, unsigned flags) {
    struct place old, new;
    struct stat moved, replaced;
    take();
    int is_from = find(there, from, &old) && look(&old, &moved);
    int is_to = find(at, path, &new), was_there = is_to && look(&new, &replaced);
    int result = (int)syscall(SYS_renameat2, there, from, at, path, flags);
    if (result == 0 && is_from != is_to)
        die("powercut: something is moved in or out\n");
    // Two names of one file: nothing happens.
    if (result == 0 && is_from && !(was_there && replaced.st_ino == moved.st_ino)) {
        name_is(&old, (flags & RENAME_EXCHANGE) ? &replaced : NULL, IS_JOINED);
        name_is(&new, &moved, 0);
    }
    give();
    return result;
}

int rename(const char *from, const char *path) { return renamed(AT_FDCWD, from, AT_FDCWD, path, 0); }
int renameat(int there, const char *from, int at, const char *path) { return renamed(there, from, at, path, 0); }
int renameat2(int there, const char *from, int at, const char *path, unsigned flags) {
    return renamed(there, from, at, path, flags);
}

/* Content, and answers. */

/* Before it is sent: else its reader might find the trace without it. */
static void sending(void) {
    if (trace >= 0)
        record('O', 0, 0, 0, NULL, 0);
}

static ssize_t written(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    struct stat facts;
    take();
    int is_ours = is_watched(fd, &facts);
    if (!is_ours && trace >= 0 && fstat(fd, &facts) == 0 && S_ISSOCK(facts.st_mode))
        sending();
    ssize_t done = at < 0 && flags == 0 ? syscall(SYS_writev, fd, parts, count)
                                        : syscall(SYS_pwritev2, fd, parts, count, at, 0L, flags);
    int saved = errno;
    if (done > 0 && is_ours) {
        int mode = fcntl(fd, F_GETFL), is_at_end = (mode & O_APPEND) || (flags & RWF_APPEND);
        if (at < 0)
            at = lseek(fd, 0, SEEK_CUR) - done;
        else if (is_at_end && fstat(fd, &facts) == 0)
            at = facts.st_size - done;
        int is_durable = (mode & O_DSYNC) || (flags & (RWF_DSYNC | RWF_SYNC));
        size_t left = (size_t)done;
        for (int part = 0; left > 0; part++) {
            size_t length = parts[part].iov_len < left ? parts[part].iov_len : left;
            if (length > 0)
                record('W', facts.st_ino, (uint64_t)at, (uint64_t)is_durable, parts[part].iov_base, length);
            at += (off_t)length;
            left -= length;
        }
    }
    errno = saved;
    give();
    return done;
}

static ssize_t written_one(int fd, const void *bytes, size_t count, off_t at) {
    struct iovec whole = {(void *)bytes, count};
    return written(fd, &whole, 1, at, 0);
}

ssize_t write(int fd, const void *bytes, size_t count) { return written_one(fd, bytes, count, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return written_one(fd, bytes, count, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) { return written_one(fd, bytes, count, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return written(fd, parts, count, -1, 0); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return written(fd, parts, count, at, 0); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) { return written(fd, parts, count, at, 0); }
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    return written(fd, parts, count, at, flags);
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    return written(fd, parts, count, at, flags);
}

#define SENDS(name, parameters, arguments)                             \
    ssize_t name parameters {                                          \
        take();                                                        \
        sending();                                                     \
        ssize_t done = REAL(name) arguments;                           \
        give();                                                        \
        return done;                                                   \
    }
SENDS(send, (int fd, const void *bytes, size_t count, int flags), (fd, bytes, count, flags))
SENDS(sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
SENDS(sendto, (int fd, const void *bytes, size_t count, int flags, const struct sockaddr *to, socklen_t length),
      (fd, bytes, count, flags, to, length))

/* Calls that copy inside the kernel: what they wrote is read again. */
#define COPIES(name, to, parameters, arguments)                        \
    ssize_t name parameters {                                          \
        struct stat facts;                                             \
        take();                                                        \
        int is_ours = is_watched(out, &facts);                         \
        ssize_t done = REAL(name) arguments;                           \
        int saved = errno;                                             \
        if (done > 0 && is_ours)                                       \
            reread(out, facts.st_ino, (to) - done, (size_t)done);      \
        errno = saved;                                                 \
        give();                                                        \
        return done;                                                   \
    }
COPIES(copy_file_range, to ? *to : lseek(out, 0, SEEK_CUR),
       (int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags), (in, from, out, to, count, flags))
COPIES(splice, to ? *to : lseek(out, 0, SEEK_CUR),
       (int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags), (in, from, out, to, count, flags))
COPIES(sendfile, lseek(out, 0, SEEK_CUR), (int out, int in, off_t *from, size_t count), (out, in, from, count))
COPIES(sendfile64, lseek(out, 0, SEEK_CUR), (int out, int in, off64_t *from, size_t count), (out, in, from, count))

/* A call after which the file has another length, or holes: of the latter what is there is read again. */
#define RESIZES(name, at, length, parameters, arguments)               \
    int name parameters {                                              \
        struct stat facts;                                             \
        take();                                                        \
        int is_ours = is_watched(fd, &facts), result = REAL(name) arguments, saved = errno; \
        if (result == 0 && is_ours && fstat(fd, &facts) == 0) {        \
            record('T', facts.st_ino, (uint64_t)facts.st_size, 0, NULL, 0); \
            reread(fd, facts.st_ino, at, (size_t)(length));            \
        }                                                              \
        errno = saved;                                                 \
        give();                                                        \
        return result;                                                 \
    }
RESIZES(ftruncate, 0, 0, (int fd, off_t length), (fd, length))
RESIZES(ftruncate64, 0, 0, (int fd, off_t length), (fd, length))
RESIZES(fallocate, from, count, (int fd, int mode, off_t from, off_t count), (fd, mode, from, count))
RESIZES(fallocate64, from, count, (int fd, int mode, off_t from, off_t count), (fd, mode, from, count))
RESIZES(posix_fallocate, from, count, (int fd, off_t from, off_t count), (fd, from, count))
RESIZES(posix_fallocate64, from, count, (int fd, off_t from, off_t count), (fd, from, count))

int truncate(const char *path, off_t length) {
    int fd = opened(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    int result = fd < 0 ? -1 : ftruncate(fd, length), saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return result;
}
int truncate64(const char *path, off_t length) { return truncate(path, length); }

/* Durability. sync_file_range is not here: it promises nothing. */

#define SYNCS(name)                                                    \
    int name(int fd) {                                                 \
        struct stat facts;                                             \
        take();                                                        \
        int is_ours = is_watched(fd, &facts);                          \
        int result = REAL(name)(fd);                                   \
        const char *kind = is_ours && S_ISDIR(facts.st_mode) ? "directories" : "files"; \
        if (result == 0 && is_ours && strcmp(ignored, kind) != 0)      \
            record('S', facts.st_ino, 0, 0, NULL, 0);                  \
        give();                                                        \
        return result;                                                 \
    }
SYNCS(fsync)
SYNCS(fdatasync)

int syncfs(int fd) {
    struct stat facts;
    take();
    int is_ours = is_watched(fd, &facts), result = REAL(syncfs)(fd);
    if (result == 0 && is_ours)
        record('A', 0, 0, 0, NULL, 0);
    give();
    return result;
}

void sync(void) {
    take();
    syscall(SYS_sync);
    if (trace >= 0)
        record('A', 0, 0, 0, NULL, 0);
    give();
}
