// What must be replaced so that Debian's static libbpf, libelf and libz link into one shared object that runs on old glibc.
//
// The archives are built for executables (PIE), not for shared objects, and against a new glibc. build.sh renames the
// references below with objcopy and drops libelf's elf_error.o; everything else of the archives is used as it is.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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
