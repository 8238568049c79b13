#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#define THREADS_AT_MOST 16

unsigned processor_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

struct crew {
	void (*work)(void *context, size_t i);
	void *context;
	size_t count;
	atomic_size_t next;
};

static void *take_part(void *argument)
{
	struct crew *crew = argument;
	size_t i;

	while ((i = atomic_fetch_add(&crew->next, 1)) < crew->count)
		crew->work(crew->context, i);
	return NULL;
}

void parallel_for(size_t count, void (*work)(void *context, size_t i), void *context)
{
	struct crew crew = {.work = work, .context = context, .count = count};
	size_t width = processor_count(), started = 0;
	pthread_t threads[THREADS_AT_MOST];
	sigset_t all, before;

	if (width > THREADS_AT_MOST)
		width = THREADS_AT_MOST;
	if (width > count)
		width = count;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started + 1 < width && !pthread_create(&threads[started], NULL, take_part, &crew))
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	take_part(&crew);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}
