#include "serve.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <mqueue.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define REACHED 9 /* its exit status when an attack's signal came through */

socklen_t unix_address(struct sockaddr_un *address, const char *name)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path, sizeof(address->sun_path), "%s", name);
	if (*name == '@')
		address->sun_path[0] = 0;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

static void reached(int number)
{
	(void)number;
	_exit(REACHED);
}

static int listen_at(const char *name, int type)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(&address, name);
	int fd = socket(AF_UNIX, type, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length))
		return -1;
	return type == SOCK_STREAM ? listen(fd, 8) : 0;
}

static int listen_to_port(unsigned *ret_port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, length) || listen(fd, 8) ||
	    getsockname(fd, (struct sockaddr *)&in, &length))
		return -1;
	*ret_port = ntohs(in.sin_port);
	return 0;
}

/* Marked for removal at once, it lasts as long as this process. */
static int share_memory(void)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0666);

	if (id >= 0 && (shmat(id, NULL, 0) == (void *)-1 || shmctl(id, IPC_RMID, NULL)))
		return -1;
	return id;
}

/* Message queues and shared memory a kernel may lack. */
static int open_doors(struct server *s, const char *path)
{
	if (listen_to_port(&s->port) || listen_at(s->stream, SOCK_STREAM) ||
	    listen_at(s->datagram, SOCK_DGRAM) || listen_at(path, SOCK_STREAM) || chmod(path, 0777))
		return -1;
	s->memory = share_memory();
	mq_unlink(s->queue);
	mq_open(s->queue, O_RDWR | O_CREAT | O_EXCL, 0666, NULL);
	return 0;
}

/* A change of user hides what belongs to the process, also from that user. */
static int become(uid_t uid)
{
	if (uid != geteuid() &&
	    (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
		return -1;
	return prctl(PR_SET_DUMPABLE, 1);
}

static void serve(struct server *s, uid_t uid, const char *path, int life, int told)
{
	char byte;
	int failure;

	signal(SIGURG, reached);
	failure = become(uid) || open_doors(s, path) ? errno : 0;
	if (write(told, &failure, sizeof(failure)) < 0 || write(told, s, sizeof(*s)) < 0)
		_exit(1);
	while (read(life, &byte, 1) < 0 && errno == EINTR)
		;
	mq_unlink(s->queue);
	_exit(failure != 0);
}

int server_start(
    struct server *ret_server, uid_t uid, const char *path, const char *own, struct err *e)
{
	struct server s = {.life = -1};
	int life[2], told[2], failure = ECHILD;

	snprintf(s.stream, sizeof(s.stream), "@minsys-attack-%s-stream", own);
	snprintf(s.datagram, sizeof(s.datagram), "@minsys-attack-%s-datagram", own);
	snprintf(s.queue, sizeof(s.queue), "/minsys-attack-%s", own);
	if (pipe2(life, O_CLOEXEC) || pipe2(told, O_CLOEXEC) || (s.pid = fork()) < 0)
		return err_errno(e, "start a process to be attacked");
	if (!s.pid) {
		close(life[1]);
		serve(&s, uid, path, life[0], told[1]);
	}
	close(life[0]);
	close(told[1]);
	ret_server->pid = s.pid;
	if (read(told[0], &failure, sizeof(failure)) == sizeof(failure) && !failure &&
	    read(told[0], ret_server, sizeof(*ret_server)) != sizeof(*ret_server))
		failure = EPIPE;
	close(told[0]);
	ret_server->pid = s.pid;
	ret_server->life = life[1];
	if (!failure)
		return 0;
	server_end(ret_server);
	errno = failure;
	return err_errno(e, "open the doors of the process to be attacked");
}

int server_end(struct server *server)
{
	int status;

	close(server->life);
	while (waitpid(server->pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1;
}
