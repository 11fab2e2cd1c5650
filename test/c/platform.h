/* platform.h - system functions of the C tests, for POSIX and Windows: sockets, inaccessible memory, threads, and the
 * resources that the process uses. check.h includes it. */
#ifndef PLATFORM_H
#define PLATFORM_H

#ifdef _WIN32

#define __USE_MINGW_ANSI_STDIO 1
#define WIN32_LEAN_AND_MEAN
#define NOGDI

#include <winsock2.h>
#include <ws2tcpip.h>

#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <psapi.h>
#include <pthread.h>
#include <stdint.h>
#include <tlhelp32.h>

/* Limits of short operations are longer by this factor than on Linux: in Wine each call from C to Go, and each system
 * call, takes longer. */
enum { SLOWNESS = 10 };

#define NULL_DEVICE "\\\\.\\NUL"

#define SHUT_WR SD_SEND
#define MSG_NOSIGNAL 0

/* ---- sockets ---- */

static inline void __attribute__((constructor)) system_start(void)
{
    WSADATA data;

    WSAStartup(MAKEWORD(2, 2), &data);
    _setmode(1, _O_BINARY); /* lines end with "\n", as on other systems */
    _setmode(2, _O_BINARY);
}

static inline int socket_new(void) { return (int)socket(AF_INET, SOCK_STREAM, 0); }
static inline void socket_close(int fd) { closesocket((SOCKET)fd); }

/* Limits the time of each send and receive. */
static inline int socket_limit(int fd, int ms)
{
    DWORD limit = (DWORD)ms;

    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, (void *)&limit, sizeof limit) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, (void *)&limit, sizeof limit) == 0;
}

static inline int socket_set_nonblocking(int fd)
{
    u_long on = 1;

    return ioctlsocket(fd, FIONBIO, &on) == 0;
}

static inline int socket_was_reset(void) { return WSAGetLastError() == WSAECONNRESET; }
static inline int socket_is_connecting(void) { return WSAGetLastError() == WSAEWOULDBLOCK; }

/* ---- memory ---- */

static inline void *memory_new(size_t size)
{
    return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static inline int memory_free(void *memory, size_t size)
{
    (void)size;
    return VirtualFree(memory, 0, MEM_RELEASE) != 0;
}

static inline size_t memory_page(void)
{
    SYSTEM_INFO info;

    GetSystemInfo(&info);
    return info.dwPageSize;
}

static inline int memory_forbid(void *memory, size_t size)
{
    DWORD before;

    return VirtualProtect(memory, size, PAGE_NOACCESS, &before) != 0;
}

/* ---- threads ---- */

/* A thread counts as asleep after this many samples without a change, one per millisecond. Windows does not report whether
 * a thread sleeps, only the CPU time that it has used, in steps of 10 ms. */
enum { STILL = 60 };

static inline long thread_id(void) { return (long)GetCurrentThreadId(); }

/* Whether a thread still exists. */
static inline int thread_exists(long id)
{
    HANDLE thread = OpenThread(SYNCHRONIZE, FALSE, (DWORD)id);
    int exists = thread && WaitForSingleObject(thread, 0) != WAIT_OBJECT_0;

    if (thread)
        CloseHandle(thread);
    return exists;
}

/* A number that changes while the thread is awake; 0 if it is certainly awake. */
static inline int64_t thread_sleeps(long id)
{
    FILETIME created, ended, kernel, user;
    HANDLE thread = OpenThread(THREAD_QUERY_INFORMATION, FALSE, (DWORD)id);
    int64_t used = 0;

    if (!thread)
        return 0;
    if (GetThreadTimes(thread, &created, &ended, &kernel, &user))
        used = 1 + (int64_t)kernel.dwLowDateTime + (int64_t)user.dwLowDateTime;
    CloseHandle(thread);
    return used;
}

/* ---- resources of this process ---- */

/* The open sockets. Wine does not count handles; those of sockets are small multiples of four. */
static inline int process_descriptors(void)
{
    enum { MOST = 1 << 14 };
    int n = 0, fd;

    for (fd = 4; fd < MOST; fd += 4) {
        int type, size = sizeof type;

        n += getsockopt((SOCKET)fd, SOL_SOCKET, SO_TYPE, (void *)&type, &size) == 0;
    }
    return n;
}

static inline int process_threads(void)
{
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry;
    int n = 0, more;

    entry.dwSize = sizeof entry;
    for (more = Thread32First(all, &entry); more; more = Thread32Next(all, &entry))
        n += entry.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(all);
    return n;
}

static inline int64_t process_memory(void) /* bytes */
{
    PROCESS_MEMORY_COUNTERS counters;

    return GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters) ? (int64_t)counters.WorkingSetSize
                                                                                 : -1;
}

#else

#define _DEFAULT_SOURCE

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { SLOWNESS = 1 };

#define NULL_DEVICE "/dev/null"

/* ---- sockets ---- */

static inline int socket_new(void) { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }
static inline void socket_close(int fd) { close(fd); }

/* Limits the time of each send and receive. */
static inline int socket_limit(int fd, int ms)
{
    struct timeval limit;

    limit.tv_sec = ms / 1000;
    limit.tv_usec = ms % 1000 * 1000;
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0;
}

static inline int socket_set_nonblocking(int fd) { return fcntl(fd, F_SETFL, O_NONBLOCK) == 0; }
static inline int socket_was_reset(void) { return errno == ECONNRESET; }
static inline int socket_is_connecting(void) { return errno == EINPROGRESS; }

/* ---- memory ---- */

static inline void *memory_new(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static inline int memory_free(void *memory, size_t size) { return munmap(memory, size) == 0; }
static inline size_t memory_page(void) { return (size_t)sysconf(_SC_PAGESIZE); }
static inline int memory_forbid(void *memory, size_t size) { return mprotect(memory, size, PROT_NONE) == 0; }

/* ---- threads ---- */

/* A thread counts as asleep after this many samples without a change, one per millisecond. */
enum { STILL = 12 };

static inline long thread_id(void) { return syscall(SYS_gettid); }

/* Whether a thread still exists. It may for a moment after it was joined. */
static inline int thread_exists(long id)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/task/%ld", id);
    return access(path, F_OK) == 0;
}

/* A number that changes while the thread is awake; 0 if it is certainly awake. */
static inline int64_t thread_sleeps(long id)
{
    char path[64], line[256];
    long times = 0;
    int asleep = 0;
    FILE *status;

    snprintf(path, sizeof path, "/proc/self/task/%ld/status", id);
    status = fopen(path, "r");
    if (!status)
        return 0;
    while (fgets(line, sizeof line, status)) {
        if (strncmp(line, "State:\tS", 8) == 0)
            asleep = 1;
        sscanf(line, "voluntary_ctxt_switches: %ld", &times);
    }
    fclose(status);
    return asleep ? times + 1 : 0;
}

/* ---- resources of this process ---- */

static inline int entries(const char *path)
{
    DIR *directory = opendir(path);
    int n = 0;

    if (!directory)
        return -1;
    while (readdir(directory))
        n++;
    closedir(directory);
    return n;
}

static inline int process_descriptors(void) { return entries("/proc/self/fd"); }
static inline int process_threads(void) { return entries("/proc/self/task"); }

static inline int64_t process_memory(void) /* bytes */
{
    long size, pages;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (!statm)
        return -1;
    if (fscanf(statm, "%ld %ld", &size, &pages) != 2)
        pages = -1;
    fclose(statm);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

#endif

#endif
