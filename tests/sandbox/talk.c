/* The network, and every other way to talk to what is not part of the step. */
#include "attack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve.h"

#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif

static const struct named families[] = {
    {"unix", AF_UNIX},
    {"inet", AF_INET},
    {"inet6", AF_INET6},
    {"netlink", AF_NETLINK},
    {"packet", AF_PACKET},
    {"key", 15},
    {"rds", 21},
    {"can", 29},
    {"tipc", 30},
    {"bluetooth", 31},
    {"alg", 38},
    {"nfc", 39},
    {"vsock", 40},
    {"kcm", 41},
    {"qipcrtr", 42},
    {"smc", 43},
    {"xdp", 44},
    {"mctp", 45},
    {NULL, 0},
};

static const struct named socket_types[] = {
    {"stream", SOCK_STREAM},
    {"dgram", SOCK_DGRAM},
    {"raw", SOCK_RAW},
    {"seqpacket", SOCK_SEQPACKET},
    {NULL, 0},
};

static int attack_socket(char **words)
{
	return socket((int)value_of(families, words[0]), (int)value_of(socket_types, words[1]),
	    words[2] ? (int)number(words[2]) : 0);
}

/* The kernel takes 32 bits of these arguments; so must a filter. */
static int attack_socket_high(char **words)
{
	(void)words;
	return (int)syscall(SYS_socket, ~0xffffffffL | AF_INET, ~0xffffffffL | SOCK_STREAM, 0);
}

static int attack_socketpair(char **words)
{
	int pair[2];

	return socketpair((int)value_of(families, words[0]),
	    (int)value_of(socket_types, words[1]) | SOCK_CLOEXEC, 0, pair);
}

static int attack_socketpair_high(char **words)
{
	int pair[2];

	(void)words;
	return (int)syscall(
	    SYS_socketpair, 0x100000000 | AF_UNIX, 0x100000000 | SOCK_DGRAM, 0, pair);
}

static struct sockaddr_in loopback(char *port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)number(port)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int attack_connect_port(char **words)
{
	struct sockaddr_in address = loopback(words[0]);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof(address));
}

/* Connected by the first thing that is sent, which Landlock's rule for connect(2) missed. */
static int attack_fast_open(char **words)
{
	struct sockaddr_in address = loopback(words[0]);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1
		      : (int)sendto(
			    fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&address, sizeof(address));
}

/* A port that the kernel chooses, without bind(2). */
static int attack_listen(char **words)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)words;
	return fd < 0 ? -1 : listen(fd, 1);
}

static int attack_send_port(char **words)
{
	struct sockaddr_in address = loopback(words[0]);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return fd < 0 ? -1
		      : (int)sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address));
}

static int attack_connect_unix(char **words)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(&address, words[0]);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, length);
}

/* Half of a pair of datagram sockets, pointed at somebody else's. */
static int attack_send_unix(char **words)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(&address, words[0]);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return -1;
	return sendto(pair[0], "x", 1, 0, (struct sockaddr *)&address, length) == 1 ? 0 : -1;
}

/* Half of a pair that may be had, turned into an unconnected one first. */
static int attack_reconnect(char **words)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(&address, words[0]);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -1;
	shutdown(pair[0], SHUT_RDWR);
	close(pair[1]);
	return connect(pair[0], (struct sockaddr *)&address, length);
}

static int attack_queue(char **words)
{
	return mq_open(words[0], O_RDONLY);
}

/* A segment of another's memory, by its number. */
static int attack_memory(char **words)
{
	return shmat((int)number(words[0]), NULL, SHM_RDONLY) == (void *)-1 ? -1 : 0;
}

static int attack_memory_list(char **words)
{
	struct shmid_ds segment;

	(void)words;
	return shmctl(0, SHM_INFO, &segment);
}

/* Whoever holds it keeps others, that ask for it, waiting. */
static int attack_lock(char **words)
{
	int fd = open(words[0], O_RDONLY);

	return fd < 0 ? -1 : flock(fd, LOCK_EX | LOCK_NB);
}

const struct attack on_talk[] = {
    {"socket", 2, attack_socket},
    {"socket-high", 0, attack_socket_high},
    {"socketpair", 2, attack_socketpair},
    {"socketpair-high", 0, attack_socketpair_high},
    {"connect-port", 1, attack_connect_port},
    {"fast-open", 1, attack_fast_open},
    {"listen", 0, attack_listen},
    {"send-port", 1, attack_send_port},
    {"connect-unix", 1, attack_connect_unix},
    {"send-unix", 1, attack_send_unix},
    {"reconnect", 1, attack_reconnect},
    {"queue", 1, attack_queue},
    {"memory", 1, attack_memory},
    {"memory-list", 0, attack_memory_list},
    {"lock", 1, attack_lock},
    {NULL, 0, NULL},
};
