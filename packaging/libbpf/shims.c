// What must be replaced so that Debian's static libbpf, libelf and libz link into one shared object that runs on old glibc.
//
// The archives are built for executables (PIE), not for shared objects, and against a new glibc. build.sh renames the
// references below with objcopy and drops libelf's elf_error.o; everything else of the archives is used as it is.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#define HIDDEN __attribute__((visibility("hidden")))

// libbpf addresses libc's `stderr` relative to its own code, which a shared object cannot do: give it a copy of the pointer.
HIDDEN FILE *actplane_stderr;
__attribute__((constructor)) static void copy_stderr(void) { actplane_stderr = stderr; }

// glibc exports these two only since 2.33 and 2.28; the kernel has always had them.
HIDDEN int actplane_fstat(int fd, struct stat *out) { return syscall(SYS_fstat, fd, out); }
HIDDEN int actplane_fcntl64(int fd, int command, long argument) { return fcntl(fd, command, argument); }

// elf_error.o is the only member of libelf.a with local-exec TLS, which a shared object may not have. These three are
// its interface; the texts are dropped because libbpf only ever prints the number beside its own message.
static __thread int last_error __attribute__((tls_model("global-dynamic")));
HIDDEN void __libelf_seterrno(int value) { last_error = value; }
HIDDEN int elf_errno(void) {
	int value = last_error;
	last_error = 0;
	return value;
}
HIDDEN const char *elf_errmsg(int error) {
	(void)error;
	return "libelf error";
}

// Loading an object on a thread of its own (src/kernel/libbpf/threads.ts). What libbpf says meanwhile must not reach
// JavaScript, which lives on one thread only: its warnings are kept here.
static char said[16 * 1024];
static size_t said_bytes;
static int said_lock;

static int keep_warning(enum libbpf_print_level level, const char *format, va_list values) {
	if (level != LIBBPF_WARN) return 0;
	while (__sync_lock_test_and_set(&said_lock, 1));
	int bytes = vsnprintf(said + said_bytes, sizeof(said) - said_bytes, format, values);
	if (bytes > 0) said_bytes += bytes;
	if (said_bytes >= sizeof(said)) said_bytes = sizeof(said) - 1;
	__sync_lock_release(&said_lock);
	return 0;
}

void actplane_keep_warnings(void) {
	said_bytes = 0;
	said[0] = 0;
	libbpf_set_print(keep_warning);
}

const char *actplane_kept_warnings(void) { return said; }

static void *load(void *object) { return (void *)(long)bpf_object__load(object); }

// For pthread_create, which the caller looks up: where it lies depends on the glibc.
void *actplane_loader(void) { return (void *)load; }
