#include "base/parallel.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT 10000

static atomic_uint times[COUNT];

static void mark(void *context, size_t i)
{
	assert_ptr_equal(context, times);
	atomic_fetch_add(&times[i], 1);
}

static void each_is_done_once(void **state)
{
	static const size_t counts[] = {0, 1, 2, 3, COUNT};

	(void)state;
	for (size_t n = 0; n < sizeof(counts) / sizeof(*counts); n++) {
		memset(times, 0, sizeof(times));
		parallel_for(counts[n], mark, times);
		for (size_t i = 0; i < COUNT; i++)
			assert_int_equal(times[i], i < counts[n]);
	}
}

struct meeting {
	atomic_uint here;
	unsigned expected;
};

/* Each waits until all have come, so that they have to be on threads of their own. */
static void meet(void *context, size_t i)
{
	struct meeting *meeting = context;

	(void)i;
	atomic_fetch_add(&meeting->here, 1);
	for (int n = 0; n < 5000 && meeting->here < meeting->expected; n++)
		usleep(1000);
}

static void all_processors_take_part(void **state)
{
	struct meeting meeting = {.expected = processor_count()};

	(void)state;
	if (meeting.expected > 16)
		meeting.expected = 16;
	parallel_for(meeting.expected, meet, &meeting);
	assert_int_equal(meeting.here, meeting.expected);
}

static pthread_t handled_by;

static void note_thread(int number)
{
	(void)number;
	handled_by = pthread_self();
}

static void send(void *context, size_t i)
{
	(void)context;
	(void)i;
	kill(getpid(), SIGUSR1);
	usleep(1000);
}

static void signals_are_the_caller_s(void **state)
{
	(void)state;
	signal(SIGUSR1, note_thread);
	parallel_for(50, send, NULL);
	assert_true(pthread_equal(handled_by, pthread_self()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_is_done_once),
	    cmocka_unit_test(all_processors_take_part),
	    cmocka_unit_test(signals_are_the_caller_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
