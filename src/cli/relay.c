#include "cli/relay.h"

#include "base/buf.h"
#include "base/words.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#define PERSON 0      /* the descriptor of the person's terminal */
#define FAREWELL 1000 /* milliseconds that a command whose terminal hung up has to end */
#define CHUNK 4096    /* what a pipe that is ready takes without blocking (PIPE_BUF) */
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* What signals came: bytes of a pipe that poll(2) can wait for. */
static int wake_fds[2] = {-1, -1};

/* --- Making the ends --- */

bool relay_has_person(void)
{
	return isatty(PERSON) && isatty(1);
}

static void follow_size(int master)
{
	struct winsize size;

	if (!ioctl(PERSON, TIOCGWINSZ, &size))
		ioctl(master, TIOCSWINSZ, &size);
}

/* The slave is had of the master (Linux 4.13), not by a name, which may be another one's here. */
static int open_terminal(struct relay *relay, struct err *e)
{
	struct termios modes;
	int unlocked = 0, slave;

	relay->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (relay->master_fd < 0 || ioctl(relay->master_fd, TIOCSPTLCK, &unlocked) ||
	    (slave = ioctl(relay->master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
		err_errno(e, "make a terminal for the command (/dev/ptmx)");
		e->kind = ERR_ENVIRONMENT;
		return -1;
	}
	relay->terminal_fd = slave;
	if (!tcgetattr(PERSON, &modes))
		tcsetattr(slave, TCSANOW, &modes);
	follow_size(relay->master_fd);
	return 0;
}

static int open_pipe(int *ret_read, int *ret_write, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	*ret_read = ends[0];
	*ret_write = ends[1];
	return 0;
}

int relay_open(struct relay *relay, bool with_terminal, struct err *e)
{
	*relay = (struct relay){.master_fd = -1, .to_fd = -1, .from_fds = {-1, -1}};
	if (pipe2(wake_fds, O_CLOEXEC | O_NONBLOCK))
		return err_errno(e, "make a pipe");
	if (with_terminal)
		return open_terminal(relay, e);
	if (open_pipe(&relay->input_fd, &relay->to_fd, e) ||
	    open_pipe(&relay->from_fds[0], &relay->output_fd, e) ||
	    open_pipe(&relay->from_fds[1], &relay->error_fd, e))
		return -1;
	/* What the command does not read must not keep what it prints waiting. */
	return fcntl(relay->to_fd, F_SETFL, O_NONBLOCK) ? err_errno(e, "set up a pipe") : 0;
}

static void close_one(int *fd, int none)
{
	if (*fd != none)
		close(*fd);
	*fd = none;
}

static void close_command_ends(struct relay *relay)
{
	close_one(&relay->terminal_fd, 0);
	close_one(&relay->input_fd, 0);
	close_one(&relay->output_fd, 0);
	close_one(&relay->error_fd, 0);
}

void relay_close(struct relay *relay)
{
	close_command_ends(relay);
	close_one(&relay->master_fd, -1);
	close_one(&relay->to_fd, -1);
	close_one(&relay->from_fds[0], -1);
	close_one(&relay->from_fds[1], -1);
	close_one(&wake_fds[0], -1);
	close_one(&wake_fds[1], -1);
}

/* --- Signals --- */

static const int signals[] = {
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGWINCH, SIGTSTP, SIGCONT};

static void tell(int number)
{
	unsigned char byte = (unsigned char)number;
	int saved = errno;

	if (write(wake_fds[1], &byte, 1) < 0)
		errno = saved; /* full: enough is known */
	errno = saved;
}

/* Without SA_RESTART: a terminal that takes nothing must not keep a signal waiting. What was
 * ignored when this program started stays so. */
static void catch_signals(struct sigaction before[LENGTH(signals)])
{
	const struct sigaction action = {.sa_handler = tell};

	for (size_t i = 0; i < LENGTH(signals); i++) {
		sigaction(signals[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

static void release_signals(const struct sigaction before[LENGTH(signals)])
{
	for (size_t i = 0; i < LENGTH(signals); i++)
		sigaction(signals[i], &before[i], NULL);
}

/* --- The person's terminal --- */

struct person {
	bool is_there;
	struct termios modes; /* as they were */
};

static void take_terminal(struct person *person)
{
	struct termios raw = person->modes;

	cfmakeraw(&raw);
	if (person->is_there)
		tcsetattr(PERSON, TCSADRAIN, &raw);
}

/* What the terminal has answered to the command's questions and nobody has read is not for the
 * shell that comes next. */
static void return_terminal(const struct person *person)
{
	if (person->is_there)
		tcsetattr(PERSON, TCSAFLUSH, &person->modes);
}

/* Stopped from outside, as Ctrl-z is the command's. */
static void stop(struct person *person)
{
	return_terminal(person);
	raise(SIGSTOP);
	take_terminal(person);
}

/* --- Channels --- */

struct channel {
	int *from; /* -1: nothing more comes */
	int *to;   /* -1: nothing more is taken */
	bool is_shown;
	size_t begin, end; /* of `bytes`: what has not been written yet */
	char bytes[CHUNK];
};

static bool is_for_reading(const struct channel *channel)
{
	return *channel->from >= 0 && *channel->to >= 0 && channel->begin == channel->end;
}

static bool is_for_writing(const struct channel *channel)
{
	return *channel->to >= 0 && channel->begin < channel->end;
}

static void channel_read(struct channel *channel)
{
	ssize_t got = read(*channel->from, channel->bytes, sizeof(channel->bytes));

	if (got > 0) {
		channel->begin = 0;
		channel->end = (size_t)got;
	} else if (!got || (errno != EINTR && errno != EAGAIN))
		close_one(channel->from, -1); /* a terminal that nobody has open any more: EIO */
}

static void show(struct channel *channel)
{
	_cleanup_buf_ struct buf text = {0};
	size_t done = 0;

	add_visible(&text, channel->bytes + channel->begin, channel->end - channel->begin);
	channel->begin = channel->end;
	while (done < text.length) {
		ssize_t put = write(*channel->to, text.data + done, text.length - done);

		if (put < 0 && errno != EINTR)
			return close_one(channel->to, -1);
		done += put > 0 ? (size_t)put : 0;
	}
}

static void channel_write(struct channel *channel)
{
	ssize_t put;

	if (channel->is_shown)
		return show(channel);
	put = write(*channel->to, channel->bytes + channel->begin, channel->end - channel->begin);
	if (put > 0)
		channel->begin += (size_t)put;
	else if (put < 0 && errno != EINTR && errno != EAGAIN)
		close_one(channel->to, -1);
}

/* --- The loop --- */

struct loop {
	struct relay *relay;
	struct person person;
	int end_fd; /* -1: the command has ended */
	struct channel channels[3];
	size_t channel_count; /* of these the first one leads to the command */
	int streams[3];	      /* this program's own */
};

/* Where one end of a channel is gone, the other one must know. */
static void settle(struct channel *channel)
{
	if (*channel->to < 0)
		close_one(channel->from, -1);
	if (*channel->from < 0 && channel->begin == channel->end)
		close_one(channel->to, -1);
}

static void add_channel(struct loop *loop, int *from, int *to, bool is_shown)
{
	loop->channels[loop->channel_count++] =
	    (struct channel){.from = from, .to = to, .is_shown = is_shown};
}

/* Copies of this program's streams may be closed. */
static void open_loop(struct loop *loop, struct relay *relay, int end_fd)
{
	*loop = (struct loop){.relay = relay, .end_fd = end_fd};
	for (int i = 0; i < 3; i++)
		loop->streams[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
	if (relay->master_fd < 0) {
		add_channel(loop, &loop->streams[0], &relay->to_fd, false);
		add_channel(loop, &relay->from_fds[0], &loop->streams[1], isatty(1));
		add_channel(loop, &relay->from_fds[1], &loop->streams[2], isatty(2));
		return;
	}
	add_channel(loop, &loop->streams[0], &relay->master_fd, false);
	add_channel(loop, &relay->master_fd, &loop->streams[1], false);
	loop->person.is_there = !tcgetattr(PERSON, &loop->person.modes);
}

static void heed_signals(struct loop *loop)
{
	unsigned char number;

	while (read(wake_fds[0], &number, 1) == 1)
		switch (number) {
		case SIGWINCH:
			follow_size(loop->relay->master_fd);
			break;
		case SIGTSTP:
			stop(&loop->person);
			break;
		case SIGCONT:
			take_terminal(&loop->person);
			follow_size(loop->relay->master_fd);
			break;
		case SIGPIPE:
			break;
		default:
			loop->relay->signal = number;
		}
}

static bool is_over(const struct loop *loop)
{
	if (loop->relay->signal)
		return true;
	for (size_t i = 1; i < loop->channel_count; i++)
		if (*loop->channels[i].from >= 0 || is_for_writing(&loop->channels[i]))
			return false;
	return loop->end_fd < 0;
}

static void turn(struct loop *loop)
{
	struct pollfd ready[2 + 2 * LENGTH(loop->channels)] = {
	    {.fd = wake_fds[0], .events = POLLIN},
	    {.fd = loop->end_fd, .events = POLLIN},
	};

	for (size_t i = 0; i < loop->channel_count; i++) {
		struct channel *channel = &loop->channels[i];

		ready[2 + 2 * i] =
		    (struct pollfd){is_for_reading(channel) ? *channel->from : -1, POLLIN, 0};
		ready[3 + 2 * i] =
		    (struct pollfd){is_for_writing(channel) ? *channel->to : -1, POLLOUT, 0};
	}
	if (poll(ready, 2 + 2 * loop->channel_count, -1) < 0)
		return;
	heed_signals(loop);
	if (ready[1].revents)
		loop->end_fd = -1;
	for (size_t i = 0; i < loop->channel_count; i++) {
		if (ready[2 + 2 * i].revents)
			channel_read(&loop->channels[i]);
		if (ready[3 + 2 * i].revents)
			channel_write(&loop->channels[i]);
	}
}

/* A terminal that hangs up ends most commands, and what they would still do is done. */
static void say_farewell(struct loop *loop)
{
	struct pollfd end = {.fd = loop->end_fd, .events = POLLIN};

	if (loop->relay->master_fd < 0)
		return;
	close_one(&loop->relay->master_fd, -1);
	poll(&end, 1, FAREWELL);
}

static void run(struct loop *loop)
{
	while (!is_over(loop)) {
		turn(loop);
		for (size_t i = 0; i < loop->channel_count; i++)
			settle(&loop->channels[i]);
	}
}

void relay_attend(void *context, int end_fd)
{
	struct sigaction before[LENGTH(signals)];
	struct relay *relay = context;
	struct loop loop;

	close_command_ends(relay);
	catch_signals(before);
	open_loop(&loop, relay, end_fd);
	take_terminal(&loop.person);
	run(&loop);
	return_terminal(&loop.person);
	if (relay->signal)
		say_farewell(&loop);
	for (size_t i = 0; i < 3; i++)
		close_one(&loop.streams[i], -1);
	release_signals(before);
}
