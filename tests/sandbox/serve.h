/*
 * A process outside of every sandbox, with open doors: what attacks are aimed at.
 */
#ifndef ATTACK_SERVE_H
#define ATTACK_SERVE_H

#include "base/err.h"

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct server {
	pid_t pid;
	int life;	 /* when this end of a pipe is closed it ends */
	unsigned port;	 /* of TCP, on the loopback interface */
	int memory;	 /* of System V: a segment's number */
	char stream[64]; /* names of abstract unix sockets */
	char datagram[64];
	char queue[64]; /* of a POSIX message queue */
};

/* Start it, as `uid` and the group of that number, with a unix socket at `path` too. `own` is in
 * the names of its doors: no other server has it, not even one in another namespace of processes.
 */
int server_start(
    struct server *ret_server, uid_t uid, const char *path, const char *own, struct err *e);

/* End it. -1 when something has reached it before: a signal, or its end. */
int server_end(struct server *server);

/* The address of a unix socket: of a path, or abstract when that begins with @. */
socklen_t unix_address(struct sockaddr_un *address, const char *name);

#endif
