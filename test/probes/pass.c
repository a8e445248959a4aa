/*
 * pass: hands the content of a file from one process to another, over a channel that both hold before it is read.
 *
 *     pass CHANNEL FILE PROGRAM ARGUMENT...
 *
 * One child waits at the receiving end; another then reads FILE and sends what it read. Who received it becomes
 * PROGRAM. Exit code: that of PROGRAM; 3 where something else was received, 4 where a call failed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define SIZE 64

static const char *file;

static void must(int held, const char *what)
{
	if (held)
		return;
	fprintf(stderr, "pass: %s: %s\n", what, strerror(errno));
	_exit(4);
}

/* ---- ends ---- */

struct ends {
	int in;  /* of who receives */
	int out; /* of who sends */
	void *memory;
};

static void make_pipe(struct ends *ends)
{
	int fds[2];

	must(!pipe(fds), "pipe");
	ends->in = fds[0];
	ends->out = fds[1];
}

static void make_fifo(struct ends *ends)
{
	must(!mkfifo("fifo", 0600), "mkfifo");
	ends->in = open("fifo", O_RDWR);
	ends->out = open("fifo", O_WRONLY);
	must(ends->in >= 0 && ends->out >= 0, "open");
}

static void make_pair(struct ends *ends, int type)
{
	int fds[2];

	must(!socketpair(AF_UNIX, type, 0, fds), "socketpair");
	ends->in = fds[0];
	ends->out = fds[1];
}

static void make_stream(struct ends *ends) { make_pair(ends, SOCK_STREAM); }
static void make_datagram(struct ends *ends) { make_pair(ends, SOCK_DGRAM); }
static void make_packets(struct ends *ends) { make_pair(ends, SOCK_SEQPACKET); }

static socklen_t unix_name(struct sockaddr_un *address)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, "socket");
	return sizeof(*address);
}

/* The receiver accepts after the sender has sent and gone. */
static void make_listening(struct ends *ends)
{
	struct sockaddr_un address;
	socklen_t size = unix_name(&address);

	ends->in = socket(AF_UNIX, SOCK_STREAM, 0);
	must(!bind(ends->in, (void *)&address, size) && !listen(ends->in, 4), "listen");
}

static void make_bound(struct ends *ends)
{
	struct sockaddr_un address;
	socklen_t size = unix_name(&address);

	ends->in = socket(AF_UNIX, SOCK_DGRAM, 0);
	ends->out = socket(AF_UNIX, SOCK_DGRAM, 0);
	must(!bind(ends->in, (void *)&address, size), "bind");
}

/* An address of this machine, bound and with its port known. */
static socklen_t inet_bind(int fd, int family, const char *text, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (void *)address;
	struct sockaddr_in6 *v6 = (void *)address;
	socklen_t size = family == AF_INET ? sizeof(*v4) : sizeof(*v6);

	memset(address, 0, sizeof(*address));
	address->ss_family = family;
	if (family == AF_INET)
		inet_pton(family, text, &v4->sin_addr);
	else
		inet_pton(family, text, &v6->sin6_addr);
	must(!bind(fd, (void *)address, size) && !getsockname(fd, (void *)address, &size), "bind");
	return size;
}

static int protocol;

static void make_tcp(struct ends *ends, int family, const char *listens)
{
	struct sockaddr_storage address;
	struct sockaddr_in *v4 = (void *)&address;
	int server = socket(family, SOCK_STREAM, protocol);
	socklen_t size = inet_bind(server, family, listens, &address);

	must(!listen(server, 4), "listen");
	if (!strcmp(listens, "::")) { /* reached over IPv4 */
		in_port_t port = ((struct sockaddr_in6 *)&address)->sin6_port;

		v4->sin_family = family = AF_INET;
		v4->sin_port = port;
		inet_pton(AF_INET, "127.0.0.1", &v4->sin_addr);
		size = sizeof(*v4);
	}
	ends->out = socket(family, SOCK_STREAM, protocol);
	must(!connect(ends->out, (void *)&address, size), "connect");
	ends->in = accept(server, 0, 0);
	must(ends->in >= 0, "accept");
}

static void make_tcp_four(struct ends *ends) { make_tcp(ends, AF_INET, "127.0.0.1"); }
static void make_tcp_six(struct ends *ends) { make_tcp(ends, AF_INET6, "::1"); }
static void make_tcp_mixed(struct ends *ends) { make_tcp(ends, AF_INET6, "::"); }

static void make_tcp_paths(struct ends *ends)
{
	protocol = IPPROTO_MPTCP;
	make_tcp_four(ends);
}

/* What the server says to its client. */
static void make_tcp_answer(struct ends *ends)
{
	int in;

	make_tcp_four(ends);
	in = ends->in;
	ends->in = ends->out;
	ends->out = in;
}

static struct sockaddr_storage place;
static socklen_t place_size;

/* A network of its own, in which a connection takes data with its first packet, without the cookie of an earlier one. */
static void make_fast(struct ends *ends)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int settings, queue = 4;

	ends->in = -1;
	must(!unshare(CLONE_NEWNET), "unshare");
	settings = open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY);
	must(settings >= 0 && write(settings, "519", 3) == 3 && !close(settings), "tcp_fastopen");
	ends->in = socket(AF_INET, SOCK_STREAM, 0);
	ends->out = socket(AF_INET, SOCK_STREAM, 0);
	must(!ioctl(ends->in, SIOCSIFFLAGS, &loopback), "SIOCSIFFLAGS");
	place_size = inet_bind(ends->in, AF_INET, "127.0.0.1", &place);
	must(!setsockopt(ends->in, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue)), "TCP_FASTOPEN");
	must(!listen(ends->in, 4), "listen");
}

static void make_udp(struct ends *ends)
{
	ends->in = socket(AF_INET, SOCK_DGRAM, 0);
	ends->out = socket(AF_INET, SOCK_DGRAM, 0);
	place_size = inet_bind(ends->in, AF_INET, "127.0.0.1", &place);
}

static void make_udp_connected(struct ends *ends)
{
	make_udp(ends);
	must(!connect(ends->out, (void *)&place, place_size), "connect");
}

/* Who listens at every address, reached by one. */
static void make_udp_anywhere(struct ends *ends)
{
	ends->in = socket(AF_INET, SOCK_DGRAM, 0);
	ends->out = socket(AF_INET, SOCK_DGRAM, 0);
	place_size = inet_bind(ends->in, AF_INET, "0.0.0.0", &place);
	inet_pton(AF_INET, "127.0.0.1", &((struct sockaddr_in *)&place)->sin_addr);
}

static void make_memfd(struct ends *ends)
{
	ends->in = ends->out = memfd_create("channel", 0);
	must(ends->in >= 0, "memfd_create");
}

static void make_tmpfile(struct ends *ends)
{
	ends->in = ends->out = open(".", O_TMPFILE | O_RDWR, 0600);
	must(ends->in >= 0, "O_TMPFILE");
}

static void make_file(struct ends *ends)
{
	ends->in = ends->out = open("channel", O_CREAT | O_RDWR, 0600);
	must(ends->in >= 0, "open");
}

static void make_terminal(struct ends *ends, int master_receives)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct termios raw;

	must(master >= 0 && !grantpt(master) && !unlockpt(master), "ptmx");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	must(slave >= 0 && !tcgetattr(slave, &raw), "pts");
	cfmakeraw(&raw);
	must(!tcsetattr(slave, TCSANOW, &raw), "tcsetattr");
	ends->in = master_receives ? master : slave;
	ends->out = master_receives ? slave : master;
}

static void make_master(struct ends *ends) { make_terminal(ends, 1); }
static void make_slave(struct ends *ends) { make_terminal(ends, 0); }

static void make_mqueue(struct ends *ends)
{
	struct mq_attr attributes = { .mq_maxmsg = 4, .mq_msgsize = SIZE };
	char name[64];

	snprintf(name, sizeof(name), "/pass-%d", getpid());
	ends->in = ends->out = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
	must(ends->in >= 0, "mq_open");
	mq_unlink(name);
}

static void make_msgqueue(struct ends *ends)
{
	ends->in = ends->out = msgget(IPC_PRIVATE, 0600);
	must(ends->in >= 0, "msgget");
}

static void *map(int fd, int flags)
{
	void *memory = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, 0);

	must(memory != MAP_FAILED, "mmap");
	return memory;
}

static void make_anonymous(struct ends *ends) { ends->memory = map(-1, MAP_ANONYMOUS); }

static void make_mapped(struct ends *ends)
{
	make_file(ends);
	must(!ftruncate(ends->in, 4096), "ftruncate");
	ends->memory = map(ends->in, 0);
}

/* Who receives maps it for reading only, and before it holds anything. */
static void make_reading(struct ends *ends)
{
	make_file(ends);
	must(!ftruncate(ends->in, 4096), "ftruncate");
	ends->memory = mmap(0, 4096, PROT_READ, MAP_SHARED, open("channel", O_RDONLY), 0);
	must(ends->memory != MAP_FAILED, "mmap");
}

static void make_shm(struct ends *ends)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/pass-%d", getpid());
	fd = shm_open(name, O_CREAT | O_RDWR, 0600);
	must(fd >= 0 && !ftruncate(fd, 4096), "shm_open");
	shm_unlink(name);
	ends->memory = map(fd, 0);
}

static void make_sysv(struct ends *ends)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);

	must(id >= 0, "shmget");
	ends->memory = shmat(id, 0, 0);
	must(ends->memory != (void *)-1, "shmat");
	shmctl(id, IPC_RMID, 0);
}

/* ---- ways to send ---- */

/* Reads the file: from here on the sender has its label. */
static ssize_t secret(char *bytes)
{
	int fd = open(file, O_RDONLY);
	ssize_t size = fd < 0 ? -1 : read(fd, bytes, SIZE);

	must(size > 0, file);
	return size;
}

static void send_write(struct ends *ends)
{
	char bytes[SIZE];
	ssize_t size = secret(bytes);

	must(write(ends->out, bytes, size) == size, "write");
}

static void send_writev(struct ends *ends)
{
	char bytes[SIZE];
	struct iovec part = { bytes, secret(bytes) };

	must(writev(ends->out, &part, 1) > 0, "writev");
}

static void send_pwrite(struct ends *ends)
{
	char bytes[SIZE];
	ssize_t size = secret(bytes);

	must(pwrite(ends->out, bytes, size, 0) == size, "pwrite");
}

static void send_send(struct ends *ends)
{
	char bytes[SIZE];
	ssize_t size = secret(bytes);

	must(send(ends->out, bytes, size, 0) == size, "send");
}

static void send_message(struct ends *ends)
{
	char bytes[SIZE];
	struct iovec part = { bytes, secret(bytes) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	must(sendmsg(ends->out, &message, 0) > 0, "sendmsg");
}

static void send_messages(struct ends *ends)
{
	char bytes[SIZE];
	struct iovec part = { bytes, secret(bytes) };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &part, .msg_iovlen = 1 } };

	must(sendmmsg(ends->out, &message, 1, 0) == 1, "sendmmsg");
}

static void send_to_place(struct ends *ends)
{
	char bytes[SIZE];
	ssize_t size = secret(bytes);

	must(sendto(ends->out, bytes, size, 0, (void *)&place, place_size) == size, "sendto");
}

static void send_fast(struct ends *ends)
{
	char bytes[SIZE];
	ssize_t size = secret(bytes);

	must(sendto(ends->out, bytes, size, MSG_FASTOPEN, (void *)&place, place_size) == size, "sendto");
}

static void send_fast_message(struct ends *ends)
{
	char bytes[SIZE];
	struct iovec part = { bytes, secret(bytes) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_name = &place, .msg_namelen = place_size
	};

	must(sendmsg(ends->out, &message, MSG_FASTOPEN) > 0, "sendmsg");
}

/* The connection is made by the first write. */
static void send_fast_write(struct ends *ends)
{
	char bytes[SIZE];
	int on = 1;
	ssize_t size;

	must(!setsockopt(ends->out, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)), "TCP_FASTOPEN_CONNECT");
	must(!connect(ends->out, (void *)&place, place_size), "connect");
	size = secret(bytes);
	must(write(ends->out, bytes, size) == size, "write");
}

static void send_to_name(struct ends *ends)
{
	struct sockaddr_un address;
	char bytes[SIZE];
	ssize_t size = secret(bytes);

	must(sendto(ends->out, bytes, size, 0, (void *)&address, unix_name(&address)) == size, "sendto");
}

static void send_and_go(struct ends *ends)
{
	struct sockaddr_un address;
	char bytes[SIZE];
	ssize_t size;

	ends->out = socket(AF_UNIX, SOCK_STREAM, 0);
	must(!connect(ends->out, (void *)&address, unix_name(&address)), "connect");
	size = secret(bytes);
	must(write(ends->out, bytes, size) == size && !close(ends->out), "write");
}

static void send_splice(struct ends *ends)
{
	int fd = open(file, O_RDONLY);

	must(splice(fd, 0, ends->out, 0, SIZE, 0) > 0, "splice");
}

static void send_vmsplice(struct ends *ends)
{
	char bytes[SIZE];
	struct iovec part = { bytes, secret(bytes) };

	must(vmsplice(ends->out, &part, 1, 0) > 0, "vmsplice");
}

static void send_tee(struct ends *ends)
{
	int middle[2], fd = open(file, O_RDONLY);

	must(!pipe(middle) && splice(fd, 0, middle[1], 0, SIZE, 0) > 0, "splice");
	must(tee(middle[0], ends->out, SIZE, 0) > 0, "tee");
}

static void send_file(struct ends *ends)
{
	must(sendfile(ends->out, open(file, O_RDONLY), 0, SIZE) > 0, "sendfile");
}

static void send_range(struct ends *ends)
{
	must(copy_file_range(open(file, O_RDONLY), 0, ends->out, 0, SIZE, 0) > 0, "copy_file_range");
}

static void send_clone(struct ends *ends)
{
	must(!ioctl(ends->out, FICLONE, open(file, O_RDONLY)), "FICLONE");
}

static void send_clone_range(struct ends *ends)
{
	struct file_clone_range range = { .src_fd = open(file, O_RDONLY) };

	must(!ioctl(ends->out, FICLONERANGE, &range), "FICLONERANGE");
}

#define HELD_AT 77

/* Holds the descriptor until it was taken, which the receiver says by ending its side. */
static void send_held(struct ends *ends)
{
	pid_t own = getpid();
	char byte;

	must(write(ends->out, &own, sizeof(own)) == sizeof(own), "write");
	must(dup2(open(file, O_RDONLY), HELD_AT) == HELD_AT, "dup2");
	must(read(ends->out, &byte, 1) == 1, "read");
}

/* The descriptor and not what it says: the receiver reads. */
static void send_descriptor(struct ends *ends)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = open(file, O_RDONLY);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	must(fd >= 0 && sendmsg(ends->out, &message, 0) > 0, "sendmsg");
}

static void send_mqueue(struct ends *ends)
{
	char bytes[SIZE];
	ssize_t size = secret(bytes);

	must(!mq_send(ends->out, bytes, size, 0), "mq_send");
}

static void send_msgqueue(struct ends *ends)
{
	struct {
		long type;
		char bytes[SIZE];
	} message = { .type = 1 };
	ssize_t size = secret(message.bytes);

	must(!msgsnd(ends->out, &message, size, 0), "msgsnd");
}

/* ---- the 32-bit ways, whose calls are told by their first argument ---- */

/* It takes addresses below 4 GiB only: the program is linked there, and what is handed over lies in it. */
static long old_call(long number, long a, long b, long c, long d, const void *e)
{
	long result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory", "r8", "r9", "r10", "r11");
	if (result < 0 && result > -4096) {
		errno = -result;
		return -1;
	}
	return (unsigned int)result;
}

#define NR32_MMAP 90
#define NR32_SOCKETCALL 102
#define NR32_IPC 117
#define CALL_SEND 9
#define CALL_RECV 10
#define CALL_MSGSND 11
#define CALL_MSGRCV 12
#define CALL_SHMAT 21

static char low[SIZE];
static unsigned int low_words[6];

static void send_old_send(struct ends *ends)
{
	low_words[0] = ends->out;
	low_words[1] = (unsigned long)low;
	low_words[2] = secret(low);
	low_words[3] = 0;
	must(old_call(NR32_SOCKETCALL, CALL_SEND, (unsigned long)low_words, 0, 0, 0) > 0, "socketcall");
}

static ssize_t receive_old_recv(struct ends *ends, char *bytes)
{
	ssize_t size;

	low_words[0] = ends->in;
	low_words[1] = (unsigned long)low;
	low_words[2] = SIZE;
	low_words[3] = 0;
	size = old_call(NR32_SOCKETCALL, CALL_RECV, (unsigned long)low_words, 0, 0, 0);
	memcpy(bytes, low, SIZE);
	return size;
}

static struct {
	int type;
	char bytes[SIZE];
} low_message = { .type = 1 };

static void send_old_message(struct ends *ends)
{
	ssize_t size = secret(low_message.bytes);

	must(!old_call(NR32_IPC, CALL_MSGSND, ends->out, size, 0, &low_message), "ipc");
}

static ssize_t receive_old_message(struct ends *ends, char *bytes)
{
	ssize_t size;

	low_words[0] = (unsigned long)&low_message;
	low_words[1] = 0;
	size = old_call(NR32_IPC, CALL_MSGRCV, ends->in, SIZE, 0, low_words);
	memcpy(bytes, low_message.bytes, SIZE);
	msgctl(ends->in, IPC_RMID, 0);
	return size;
}

static void make_old_segment(struct ends *ends)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);

	must(id >= 0 && !old_call(NR32_IPC, CALL_SHMAT, id, 0, (unsigned long)low_words, 0), "ipc");
	ends->memory = (void *)(unsigned long)low_words[0];
	shmctl(id, IPC_RMID, 0);
}

/* mmap(2) with its arguments in memory. */
static void make_old_mapping(struct ends *ends)
{
	make_file(ends);
	must(!ftruncate(ends->in, 4096), "ftruncate");
	low_words[1] = 4096;
	low_words[2] = PROT_READ | PROT_WRITE;
	low_words[3] = MAP_SHARED;
	low_words[4] = ends->in;
	ends->memory = (void *)old_call(NR32_MMAP, (unsigned long)low_words, 0, 0, 0, 0);
	must(ends->memory != (void *)-1, "mmap");
}

static void send_memory(struct ends *ends)
{
	char bytes[SIZE];
	ssize_t size = secret(bytes);

	memcpy(ends->memory, bytes, size);
}

/* ---- ways to receive ---- */

static ssize_t receive_read(struct ends *ends, char *bytes) { return read(ends->in, bytes, SIZE); }
static ssize_t receive_recv(struct ends *ends, char *bytes) { return recv(ends->in, bytes, SIZE, 0); }

static ssize_t receive_readv(struct ends *ends, char *bytes)
{
	struct iovec part = { bytes, SIZE };

	return readv(ends->in, &part, 1);
}

static ssize_t receive_message(struct ends *ends, char *bytes)
{
	struct iovec part = { bytes, SIZE };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	return recvmsg(ends->in, &message, 0);
}

static ssize_t receive_messages(struct ends *ends, char *bytes)
{
	struct iovec part = { bytes, SIZE };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &part, .msg_iovlen = 1 } };

	return recvmmsg(ends->in, &message, 1, 0, 0) == 1 ? message.msg_len : -1;
}

/* Over another pipe, so that it moves inside of the kernel first. */
static ssize_t receive_splice(struct ends *ends, char *bytes)
{
	int middle[2];

	if (pipe(middle) || splice(ends->in, 0, middle[1], 0, SIZE, 0) <= 0)
		return -1;
	return read(middle[0], bytes, SIZE);
}

static ssize_t receive_accepted(struct ends *ends, char *bytes)
{
	usleep(300000);
	return read(accept(ends->in, 0, 0), bytes, SIZE);
}

static ssize_t receive_later(struct ends *ends, char *bytes)
{
	ssize_t size = 0;

	for (int i = 0; i < 2000 && size <= 0; i++) {
		usleep(5000);
		size = pread(ends->in, bytes, SIZE, 0);
	}
	return size;
}

/* Data came with the packet that made the connection. */
static ssize_t receive_fast(struct ends *ends, char *bytes)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);
	int fd = accept(ends->in, 0, 0);

	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) || !(info.tcpi_options & TCPI_OPT_SYN_DATA))
		return -1;
	return read(fd, bytes, SIZE);
}

/* Takes it out of the other process. */
static ssize_t receive_held(struct ends *ends, char *bytes)
{
	pid_t other;
	int process, fd = -1;
	ssize_t size;

	if (read(ends->in, &other, sizeof(other)) != sizeof(other))
		return -1;
	process = syscall(SYS_pidfd_open, other, 0);
	for (int i = 0; i < 2000 && fd < 0; i++) {
		usleep(5000);
		fd = syscall(SYS_pidfd_getfd, process, HELD_AT, 0);
	}
	size = read(fd, bytes, SIZE);
	must(write(ends->in, "t", 1) == 1, "write");
	return size;
}

/* Asks whether a file of its own says the same, and so knows what the other says without reading it. */
static ssize_t receive_same(struct ends *ends, char *bytes, int is_source)
{
	static const char guess[] = "before\n";
	int own = open("guess", O_CREAT | O_RDWR, 0600), first = is_source ? ends->in : own;
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info other;
	} same;

	if (pwrite(own, guess, 7, 0) != 7)
		return -1;
	for (int i = 0; i < 2000; i++) {
		memset(&same, 0, sizeof(same));
		same.range.src_length = 7;
		same.range.dest_count = 1;
		same.other.dest_fd = is_source ? own : ends->in;
		if (!ioctl(first, FIDEDUPERANGE, &same) && same.other.status == FILE_DEDUPE_RANGE_SAME &&
		    same.other.bytes_deduped == 7) {
			memcpy(bytes, guess, 7);
			return 7;
		}
		usleep(5000);
	}
	return -1;
}

static ssize_t receive_same_source(struct ends *ends, char *bytes) { return receive_same(ends, bytes, 1); }
static ssize_t receive_same_destination(struct ends *ends, char *bytes) { return receive_same(ends, bytes, 0); }

static ssize_t receive_descriptor(struct ends *ends, char *bytes)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	int fd;

	if (recvmsg(ends->in, &message, 0) != 1 || message.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return read(fd, bytes, SIZE);
}

static ssize_t receive_mapped(struct ends *ends, char *bytes)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	void *memory;
	int fd;

	if (recvmsg(ends->in, &message, 0) != 1 || message.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	memory = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (memory == MAP_FAILED)
		return -1;
	memcpy(bytes, memory, SIZE);
	return strlen(bytes);
}

static char borrowed[SIZE];

/* A child that runs in the memory of who receives reads it there. */
static ssize_t receive_vfork(struct ends *ends, char *bytes)
{
	pid_t child = vfork();
	int status;

	if (child == 0) {
		int fd = open(file, O_RDONLY);

		_exit(fd < 0 || read(fd, borrowed, SIZE) < 0);
	}
	waitpid(child, &status, 0);
	memcpy(bytes, borrowed, SIZE);
	return strlen(bytes);
}

static void send_nothing(struct ends *ends) { (void)ends; }

static ssize_t receive_mqueue(struct ends *ends, char *bytes) { return mq_receive(ends->in, bytes, SIZE, 0); }

static ssize_t receive_msgqueue(struct ends *ends, char *bytes)
{
	struct {
		long type;
		char bytes[SIZE];
	} message;
	ssize_t size = msgrcv(ends->in, &message, SIZE, 0, 0);

	if (size > 0)
		memcpy(bytes, message.bytes, size);
	msgctl(ends->in, IPC_RMID, 0);
	return size;
}

static ssize_t receive_memory(struct ends *ends, char *bytes)
{
	volatile char *first = ends->memory;

	for (int i = 0; i < 2000 && !*first; i++)
		usleep(5000);
	usleep(5000);
	memcpy(bytes, ends->memory, SIZE);
	return *first ? (ssize_t)strlen(bytes) : -1;
}

static const struct channel {
	const char *name;
	void (*make)(struct ends *);
	void (*send)(struct ends *);
	ssize_t (*receive)(struct ends *, char *);
} channels[] = {
	{ "pipe", make_pipe, send_write, receive_read },
	{ "pipe-writev", make_pipe, send_writev, receive_readv },
	{ "pipe-splice", make_pipe, send_splice, receive_read },
	{ "pipe-vmsplice", make_pipe, send_vmsplice, receive_read },
	{ "pipe-tee", make_pipe, send_tee, receive_read },
	{ "pipe-sendfile", make_pipe, send_file, receive_read },
	{ "pipe-through-pipe", make_pipe, send_write, receive_splice },
	{ "fifo", make_fifo, send_write, receive_read },
	{ "socketpair", make_stream, send_write, receive_read },
	{ "socketpair-send", make_stream, send_send, receive_recv },
	{ "socketpair-sendmsg", make_stream, send_message, receive_message },
	{ "socketpair-sendmmsg", make_datagram, send_messages, receive_messages },
	{ "socketpair-datagram", make_datagram, send_write, receive_read },
	{ "socketpair-packets", make_packets, send_send, receive_recv },
	{ "socketpair-sendfile", make_stream, send_file, receive_splice },
	{ "unix-accepted-later", make_listening, send_and_go, receive_accepted },
	{ "unix-named-datagram", make_bound, send_to_name, receive_recv },
	{ "descriptor", make_stream, send_descriptor, receive_descriptor },
	{ "tcp", make_tcp_four, send_write, receive_read },
	{ "tcp-send", make_tcp_four, send_send, receive_recv },
	{ "tcp-sendmsg", make_tcp_four, send_message, receive_message },
	{ "tcp-sendfile", make_tcp_four, send_file, receive_splice },
	{ "tcp-answer", make_tcp_answer, send_write, receive_read },
	{ "tcp-six", make_tcp_six, send_write, receive_read },
	{ "tcp-mixed", make_tcp_mixed, send_write, receive_read },
	{ "tcp-paths", make_tcp_paths, send_write, receive_read },
	{ "tcp-fast", make_fast, send_fast, receive_fast },
	{ "tcp-fast-message", make_fast, send_fast_message, receive_fast },
	{ "tcp-fast-write", make_fast, send_fast_write, receive_fast },
	{ "udp", make_udp_connected, send_write, receive_read },
	{ "udp-sendto", make_udp, send_to_place, receive_recv },
	{ "udp-anywhere", make_udp_anywhere, send_to_place, receive_message },
	{ "memfd", make_memfd, send_pwrite, receive_later },
	{ "tmpfile", make_tmpfile, send_pwrite, receive_later },
	{ "sendfile", make_file, send_file, receive_later },
	{ "copy-range", make_file, send_range, receive_later },
	{ "clone", make_file, send_clone, receive_later },
	{ "clone-range", make_file, send_clone_range, receive_later },
	{ "same-source", make_file, send_pwrite, receive_same_source },
	{ "same-destination", make_file, send_pwrite, receive_same_destination },
	{ "terminal-to-master", make_master, send_write, receive_read },
	{ "terminal-to-slave", make_slave, send_write, receive_read },
	{ "mqueue", make_mqueue, send_mqueue, receive_mqueue },
	{ "msgqueue", make_msgqueue, send_msgqueue, receive_msgqueue },
	{ "anonymous-memory", make_anonymous, send_memory, receive_memory },
	{ "mapped-file", make_mapped, send_memory, receive_memory },
	{ "mapped-reading", make_reading, send_pwrite, receive_memory },
	{ "descriptor-mapped", make_stream, send_descriptor, receive_mapped },
	{ "descriptor-taken", make_stream, send_held, receive_held },
	{ "old-send", make_stream, send_old_send, receive_old_recv },
	{ "old-message", make_msgqueue, send_old_message, receive_old_message },
	{ "old-segment", make_old_segment, send_memory, receive_memory },
	{ "old-mapping", make_old_mapping, send_memory, receive_memory },
	{ "vfork", make_pipe, send_nothing, receive_vfork },
	{ "shm", make_shm, send_memory, receive_memory },
	{ "sysv-shm", make_sysv, send_memory, receive_memory },
};

static int receive(const struct channel *channel, struct ends *ends, char **program)
{
	char bytes[SIZE + 1] = { 0 };
	ssize_t size = channel->receive(ends, bytes);

	must(size > 0, "receiving");
	if (strcmp(bytes, "before\n"))
		return 3;
	execv(program[0], program);
	fprintf(stderr, "pass: %s: %s\n", program[0], strerror(errno));
	return errno;
}

int main(int argc, char **argv)
{
	const struct channel *channel = 0;
	struct ends ends = { -1, -1, 0 };
	pid_t receiver, sender;
	int status;

	for (size_t i = 0; i < sizeof(channels) / sizeof(*channels); i++)
		if (argc > 3 && !strcmp(argv[1], channels[i].name))
			channel = &channels[i];
	if (!channel)
		return 95;
	file = argv[2];
	channel->make(&ends);
	receiver = fork();
	if (receiver == 0)
		_exit(receive(channel, &ends, argv + 3));
	sender = fork();
	if (sender == 0) {
		usleep(30000); /* the receiver waits by now, mostly */
		channel->send(&ends);
		_exit(0);
	}
	waitpid(sender, &status, 0);
	if (status) {
		kill(receiver, SIGKILL);
		return 5;
	}
	waitpid(receiver, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
