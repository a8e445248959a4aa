/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * calls.h: system calls by their numbers: what they move, and their arguments. Numbers are those of 64-bit calls;
 * 32-bit calls are told by the 64-bit number of the same meaning. Tables and not `switch`, whose every case the
 * verifier follows to the end of the program.
 */
#ifndef ACTPLANE_CALLS_H
#define ACTPLANE_CALLS_H

#define TS_COMPAT 2u
#define NR_READ 0
#define NR_WRITE 1
#define NR_MMAP 9
#define NR_IOCTL 16
#define NR_PREAD64 17
#define NR_PWRITE64 18
#define NR_READV 19
#define NR_WRITEV 20
#define NR_SHMAT 30
#define NR_SENDFILE 40
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_SENDMSG 46
#define NR_RECVMSG 47
#define NR_MSGSND 69
#define NR_MSGRCV 70
#define NR_MQ_TIMEDSEND 242
#define NR_MQ_TIMEDRECEIVE 243
#define NR_SPLICE 275
#define NR_TEE 276
#define NR_VMSPLICE 278
#define NR_PREADV 295
#define NR_PWRITEV 296
#define NR_RECVMMSG 299
#define NR_SENDMMSG 307
#define NR_COPY_FILE_RANGE 326
#define NR_PREADV2 327
#define NR_PWRITEV2 328
#define NR_OPEN 2
#define NR_CREAT 85
#define NR_OPENAT 257
#define NR_OPENAT2 437
#define NR_PTRACE 101
#define NR_TRUNCATE 76
#define NR_FTRUNCATE 77
#define NR_RENAME 82
#define NR_MKDIR 83
#define NR_RMDIR 84
#define NR_LINK 86
#define NR_UNLINK 87
#define NR_SYMLINK 88
#define NR_CHMOD 90
#define NR_FCHMOD 91
#define NR_CHOWN 92
#define NR_FCHOWN 93
#define NR_LCHOWN 94
#define NR_MKNOD 133
#define NR_MKDIRAT 258
#define NR_MKNODAT 259
#define NR_FCHOWNAT 260
#define NR_UNLINKAT 263
#define NR_RENAMEAT 264
#define NR_LINKAT 265
#define NR_SYMLINKAT 266
#define NR_FCHMODAT 268
#define NR_RENAMEAT2 316
#define NR_FCHMODAT2 452
#define NR_UTIME 132
#define NR_SETXATTR 188
#define NR_LSETXATTR 189
#define NR_FSETXATTR 190
#define NR_REMOVEXATTR 197
#define NR_LREMOVEXATTR 198
#define NR_FREMOVEXATTR 199
#define NR_UTIMES 235
#define NR_FUTIMESAT 261
#define NR_UTIMENSAT 280
#define NR_OPEN_BY_HANDLE_AT 304
#define NR_SETXATTRAT 463
#define NR_REMOVEXATTRAT 466
#define NR_FILE_SETATTR 469
#define NR_NONE (~0ull)

#define CALLS_MAX 512
/* Of 32-bit calls: no call has these numbers. What they are is said by their arguments. */
#define NR_SOCKETCALL (CALLS_MAX - 1)
#define NR_IPC (CALLS_MAX - 2)
#define NR_OLD_MMAP (CALLS_MAX - 3) /* mmap with its arguments in memory */

/* From here on both have the same numbers, but for some. */
#define COMPAT_SAME 403

/* By the number of a 32-bit call that is asked about, below COMPAT_SAME or unlike the 64-bit one: that and one. */
#define NATIVE(compat, native) [compat] = (native) + 1
static const __u16 natives[CALLS_MAX] = {
	NATIVE(3, NR_READ), NATIVE(4, NR_WRITE), NATIVE(5, NR_OPEN), NATIVE(8, NR_CREAT), NATIVE(9, NR_LINK),
	NATIVE(10, NR_UNLINK), NATIVE(14, NR_MKNOD), NATIVE(15, NR_CHMOD), NATIVE(16, NR_LCHOWN),
	NATIVE(26, NR_PTRACE), NATIVE(30, NR_UTIME), NATIVE(38, NR_RENAME), NATIVE(39, NR_MKDIR),
	NATIVE(40, NR_RMDIR), NATIVE(54, NR_IOCTL), NATIVE(83, NR_SYMLINK), NATIVE(90, NR_OLD_MMAP),
	NATIVE(92, NR_TRUNCATE), NATIVE(93, NR_FTRUNCATE), NATIVE(94, NR_FCHMOD), NATIVE(95, NR_FCHOWN),
	NATIVE(102, NR_SOCKETCALL), NATIVE(117, NR_IPC), NATIVE(145, NR_READV), NATIVE(146, NR_WRITEV),
	NATIVE(180, NR_PREAD64), NATIVE(181, NR_PWRITE64), NATIVE(182, NR_CHOWN), NATIVE(187, NR_SENDFILE),
	NATIVE(192, NR_MMAP), NATIVE(193, NR_TRUNCATE), NATIVE(194, NR_FTRUNCATE), NATIVE(198, NR_LCHOWN),
	NATIVE(207, NR_FCHOWN), NATIVE(212, NR_CHOWN), NATIVE(226, NR_SETXATTR), NATIVE(227, NR_LSETXATTR),
	NATIVE(228, NR_FSETXATTR), NATIVE(235, NR_REMOVEXATTR), NATIVE(236, NR_LREMOVEXATTR),
	NATIVE(237, NR_FREMOVEXATTR), NATIVE(239, NR_SENDFILE), NATIVE(271, NR_UTIMES),
	NATIVE(277, NR_MQ_TIMEDSEND), NATIVE(280, NR_MQ_TIMEDRECEIVE), NATIVE(295, NR_OPENAT),
	NATIVE(296, NR_MKDIRAT), NATIVE(297, NR_MKNODAT), NATIVE(298, NR_FCHOWNAT), NATIVE(299, NR_FUTIMESAT),
	NATIVE(301, NR_UNLINKAT), NATIVE(302, NR_RENAMEAT), NATIVE(303, NR_LINKAT), NATIVE(304, NR_SYMLINKAT),
	NATIVE(306, NR_FCHMODAT), NATIVE(313, NR_SPLICE), NATIVE(315, NR_TEE), NATIVE(316, NR_VMSPLICE),
	NATIVE(320, NR_UTIMENSAT), NATIVE(333, NR_PREADV), NATIVE(334, NR_PWRITEV), NATIVE(337, NR_RECVMMSG),
	NATIVE(342, NR_OPEN_BY_HANDLE_AT), NATIVE(345, NR_SENDMMSG), NATIVE(353, NR_RENAMEAT2),
	NATIVE(369, NR_SENDTO), NATIVE(370, NR_SENDMSG), NATIVE(371, NR_RECVFROM), NATIVE(372, NR_RECVMSG),
	NATIVE(377, NR_COPY_FILE_RANGE), NATIVE(378, NR_PREADV2), NATIVE(379, NR_PWRITEV2), NATIVE(397, NR_SHMAT),
	NATIVE(400, NR_MSGSND), NATIVE(401, NR_MSGRCV), NATIVE(412, NR_UTIMENSAT), NATIVE(417, NR_RECVMMSG),
	NATIVE(418, NR_MQ_TIMEDSEND), NATIVE(419, NR_MQ_TIMEDRECEIVE),
};

/* Of struct pt_regs, from the register that a 32-bit call has its first argument in: as ptrace(2) shows them. */
struct registers {
	__u64 bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
};

static __always_inline bool is_compat(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

/* NR_NONE: nothing is asked about the call. */
static __always_inline __u64 number_of(struct task_struct *task, __u64 number)
{
	if (is_compat(task)) {
		__u32 native = number < CALLS_MAX ? natives[number] : 0;

		number = native ? native - 1 : number >= COMPAT_SAME ? number : NR_NONE;
	}
	return number < CALLS_MAX ? number : NR_NONE;
}

/* What a call moves. */
enum moves {
	MOVES_NOT = 0,
	MOVES_DATA = 1, /* between descriptors */
	SHARES = 2,     /* System V memory and queues, and what is mapped */
	IS_TOLD = 3,    /* its arguments tell which call it is */
};

enum named { NAMED_NOT = 0, NAMED_MAYBE = 1, NAMED_BY_FIFTH = 2 /* if the fifth argument is one */ };

struct moving {
	__u8 moves;
	__u8 from; /* which argument is the descriptor that is read, counted from 1; 0: none */
	__u8 to;   /* as much for what is written to */
	__u8 named;    /* whether it may say itself where a datagram goes */
	__u8 hookless; /* 1: past every hook: into pipes and out of them, through message queues and System V memory */
};

static const struct moving movings[CALLS_MAX] = {
	[NR_READ] = { MOVES_DATA, 1 },
	[NR_PREAD64] = { MOVES_DATA, 1 },
	[NR_READV] = { MOVES_DATA, 1 },
	[NR_PREADV] = { MOVES_DATA, 1 },
	[NR_PREADV2] = { MOVES_DATA, 1 },
	[NR_RECVFROM] = { MOVES_DATA, 1 },
	[NR_RECVMSG] = { MOVES_DATA, 1 },
	[NR_RECVMMSG] = { MOVES_DATA, 1 },
	[NR_MQ_TIMEDRECEIVE] = { MOVES_DATA, 1, .hookless = 1 },
	[NR_SENDTO] = { MOVES_DATA, 0, 1, NAMED_BY_FIFTH },
	/* Whether these name a place is in memory that another thread may change meanwhile. */
	[NR_SENDMSG] = { MOVES_DATA, 0, 1, NAMED_MAYBE },
	[NR_SENDMMSG] = { MOVES_DATA, 0, 1, NAMED_MAYBE },
	[NR_WRITE] = { MOVES_DATA, 0, 1 },
	[NR_PWRITE64] = { MOVES_DATA, 0, 1 },
	[NR_WRITEV] = { MOVES_DATA, 0, 1 },
	[NR_PWRITEV] = { MOVES_DATA, 0, 1 },
	[NR_PWRITEV2] = { MOVES_DATA, 0, 1 },
	[NR_MQ_TIMEDSEND] = { MOVES_DATA, 0, 1, .hookless = 1 },
	/* In the direction in which the pipe was opened. */
	[NR_VMSPLICE] = { MOVES_DATA, 1, 1, .hookless = 1 },
	[NR_SENDFILE] = { MOVES_DATA, 2, 1, .hookless = 1 },
	[NR_TEE] = { MOVES_DATA, 1, 2, .hookless = 1 },
	[NR_SPLICE] = { MOVES_DATA, 1, 3, .hookless = 1 },
	[NR_COPY_FILE_RANGE] = { MOVES_DATA, 1, 3 },
	[NR_IOCTL] = { MOVES_DATA }, /* some, see moving_of */
	[NR_MMAP] = { SHARES },
	[NR_SHMAT] = { SHARES, .hookless = 1 },
	[NR_MSGSND] = { SHARES, .hookless = 1 },
	[NR_MSGRCV] = { SHARES, .hookless = 1 },
	[NR_IPC] = { IS_TOLD, .hookless = 1 },
	[NR_OLD_MMAP] = { IS_TOLD },
	[NR_SOCKETCALL] = { IS_TOLD },
};

/* The five arguments of a call that has them in memory, as words. */
static __always_inline void args_in_memory(struct call *call, __u64 address)
{
	__u32 word;

	for (int i = 0; i < 5; i++) {
		word = 0;
		bpf_probe_read_user(&word, sizeof(word), (void *)(address + i * sizeof(word) & 0xffffffffu));
		call->args[i] = word;
	}
}

/* By the first argument of socketcall(2). */
static const __u16 socketcalls[32] = {
	NATIVE(9, NR_SENDTO), NATIVE(10, NR_RECVFROM), NATIVE(11, NR_SENDTO), NATIVE(12, NR_RECVFROM),
	NATIVE(16, NR_SENDMSG), NATIVE(17, NR_RECVMSG), NATIVE(19, NR_RECVMMSG), NATIVE(20, NR_SENDMMSG),
};
/* By what ipc(2) is asked for. */
static const __u16 ipcs[32] = { NATIVE(11, NR_MSGSND), NATIVE(12, NR_MSGRCV), NATIVE(21, NR_SHMAT) };

/* A call of which the number does not say what it is: its own number, and its arguments. */
static __always_inline void call_is_told(struct call *call)
{
	__u64 number = call->number, what = (__u32)call->args[0];
	__u32 native = 0;

	if (number == NR_IPC) {
		call->args[0] = call->args[1];
		native = (what & 0xffff) < 32 ? ipcs[what & 31] : 0;
	} else if (number == NR_SOCKETCALL) {
		args_in_memory(call, call->args[1]);
		native = what < 32 ? socketcalls[what] : 0;
	} else {
		args_in_memory(call, what);
		/* In the same order as mmap2(2) has them; what it counts in pages is not asked for. */
		native = NR_MMAP + 1;
	}
	call->number = native ? native - 1 : NR_NONE;
}

/* The call that `regs` began with. A number of NR_NONE: it is none that is asked about. */
GLOBAL int call_of(struct call *call, __u64 address, __u64 number, __u32 compat)
{
	struct pt_regs *regs = (void *)address;
	struct registers r = {};

	if (!call)
		return 0;
	bpf_core_read(&r, sizeof(r), &regs->bx);
	call->number = number;
	call->args[0] = compat ? (__u32)r.bx : r.di;
	call->args[1] = compat ? (__u32)r.cx : r.si;
	call->args[2] = compat ? (__u32)r.dx : r.dx;
	call->args[3] = compat ? (__u32)r.si : r.r10;
	call->args[4] = compat ? (__u32)r.di : r.r8;
	/* Only 32-bit calls are of this kind: to others these numbers say nothing. */
	if (compat && number < CALLS_MAX && movings[number].moves == IS_TOLD)
		call_is_told(call);
	return 0;
}

#endif
