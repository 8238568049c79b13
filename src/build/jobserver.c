#include "build/jobserver.h"

#include "base/file.h"
#include "base/memory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOON 10	   /* milliseconds until the next look while tokens may move */
#define LATER 250  /* while none can */
#define REST 10	   /* looks */
#define CHUNK 4096 /* tokens moved by one call at most; the least that a pipe takes */

void jobserver_open(struct jobserver *js, unsigned tokens)
{
	*js = (struct jobserver){
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .total = tokens,
	    .free = tokens,
	};
}

void jobserver_close(struct jobserver *js)
{
	pthread_mutex_destroy(&js->lock);
	free(js->clients);
}

/* Tokens in its pipe that it does not use. */
static unsigned idle(const struct jobserver_client *client)
{
	int bytes = 0;

	if (client->fd < 0 || ioctl(client->fd, FIONREAD, &bytes) || bytes <= 0)
		return 0;
	/* It may have written more than it was given; that is its own affair. */
	return (unsigned)bytes < client->given ? (unsigned)bytes : client->given;
}

/* The client may be faster, and take them. */
static void take_back(struct jobserver_client *client, unsigned count)
{
	char tokens[CHUNK];
	ssize_t got = read(client->fd, tokens, count < CHUNK ? count : CHUNK);

	if (got <= 0)
		return;
	client->given -= (unsigned)got;
	client->jobserver->free += (unsigned)got;
}

static void give(struct jobserver_client *client, unsigned count)
{
	char tokens[CHUNK];
	ssize_t put;

	memset(tokens, '+', sizeof(tokens));
	put = write(client->fd, tokens, count < CHUNK ? count : CHUNK);
	if (put <= 0)
		return;
	client->given += (unsigned)put;
	client->jobserver->free -= (unsigned)put;
}

/* What is written to and read from without waiting must be another description of the pipe than
 * the stage has: a flag of that one would be the stage's too. */
static int open_pipe(struct jobserver_client *client, struct err *e)
{
	char path[40];

	if (pipe2(client->ends, O_CLOEXEC))
		return err_errno(e, "make a pipe for make's jobserver");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", client->ends[0]);
	client->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (client->fd >= 0)
		return 0;
	err_errno(e, "open %s, a pipe for make's jobserver", path);
	close(client->ends[0]);
	close(client->ends[1]);
	return -1;
}

static void add(struct jobserver *js, struct jobserver_client *client)
{
	size_t at = js->count;

	js->clients = xgrow(js->clients, js->count, sizeof(struct jobserver_client *));
	js->count++;
	for (; at > 0 && js->clients[at - 1]->weight < client->weight; at--)
		js->clients[at] = js->clients[at - 1];
	js->clients[at] = client;
}

/* What one of `stages` gets beside its own token, when all are to have as many. */
static unsigned share(const struct jobserver *js, size_t stages)
{
	unsigned fair = (unsigned)((js->total + stages - 1) / stages) - 1;

	return fair < js->free ? fair : js->free;
}

bool jobserver_enter(struct jobserver *js, struct jobserver_client *client,
    enum stage_jobserver style, uint64_t weight, size_t stages, struct err *e)
{
	*e = (struct err){0};
	*client = (struct jobserver_client){
	    .jobserver = js, .style = style, .weight = weight, .ends = {-1, -1}, .fd = -1};
	pthread_mutex_lock(&js->lock);
	if (!js->free || (style == JOBSERVER_PIPE && open_pipe(client, e))) {
		pthread_mutex_unlock(&js->lock);
		return false;
	}
	js->free--;
	if (style == JOBSERVER_SHARE) {
		client->given = share(js, stages);
		js->free -= client->given;
	}
	add(js, client);
	pthread_mutex_unlock(&js->lock);
	return true;
}

void jobserver_leave(struct jobserver_client *client)
{
	struct jobserver *js = client->jobserver;
	size_t at = 0;

	pthread_mutex_lock(&js->lock);
	js->free += client->given + 1;
	while (js->clients[at] != client)
		at++;
	memmove(&js->clients[at], &js->clients[at + 1],
	    (--js->count - at) * sizeof(struct jobserver_client *));
	for (size_t i = 0; i < 2; i++)
		if (client->ends[i] >= 0)
			close(client->ends[i]);
	if (client->fd >= 0)
		close(client->fd);
	pthread_mutex_unlock(&js->lock);
}

int jobserver_make_fifo(struct jobserver_client *client, int dirfd, const char *name, struct err *e)
{
	int fd;

	/* For whoever the step runs as, which is not known here. */
	if (mkfifoat(dirfd, name, 0600) || fchmodat(dirfd, name, 0666, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "make the fifo %s for make's jobserver", name);
	fd = openat(dirfd, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "open the fifo %s for make's jobserver", name);
	pthread_mutex_lock(&client->jobserver->lock);
	client->fd = fd;
	pthread_mutex_unlock(&client->jobserver->lock);
	return 0;
}

/* From the one that time depends on least. */
static void reclaim(struct jobserver *js)
{
	for (size_t i = js->count; i-- > 0 && !js->free;)
		if (idle(js->clients[i]))
			take_back(js->clients[i], 1);
}

/* Who has left tokens unused, rests: or one that needs none would be given some at every other
 * look. */
static void look(struct jobserver_client *client)
{
	if (idle(client))
		client->rest = REST;
	else if (client->rest)
		client->rest--;
	client->is_hungry = client->fd >= 0 && !client->rest;
}

/* To each that has none left, twice what it had: how many it can use is found soon, and no token
 * lies idle with one while another could use it. */
static void distribute(struct jobserver *js)
{
	bool any = false;

	for (size_t i = 0; i < js->count; i++) {
		look(js->clients[i]);
		any |= js->clients[i]->is_hungry;
	}
	for (size_t i = 0; i < js->count && any; i++)
		if (idle(js->clients[i]))
			take_back(js->clients[i], idle(js->clients[i]));
	for (size_t i = 0; i < js->count && js->free; i++) {
		struct jobserver_client *client = js->clients[i];
		unsigned more = client->given + 1;

		if (client->is_hungry)
			give(client, more < js->free ? more : js->free);
	}
}

int jobserver_balance(struct jobserver *js, bool is_wanted)
{
	int wait;

	pthread_mutex_lock(&js->lock);
	if (is_wanted)
		reclaim(js);
	else
		distribute(js);
	wait = !is_wanted && (js->free || js->count > 1) ? SOON : LATER;
	pthread_mutex_unlock(&js->lock);
	return wait;
}

size_t jobserver_polls(struct jobserver *js, struct pollfd *ret_polls)
{
	size_t count = 0;

	pthread_mutex_lock(&js->lock);
	for (size_t i = 0; i < js->count; i++)
		/* What one without any writes is not ours, and would wake us for ever. */
		if (js->clients[i]->fd >= 0 && js->clients[i]->given)
			ret_polls[count++] = (struct pollfd){js->clients[i]->fd, POLLIN, 0};
	pthread_mutex_unlock(&js->lock);
	return count;
}
