#include "build/state.h"

struct timespec state_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return now;
}

bool state_is_settled(const struct stat *status, const struct timespec *now)
{
	struct timespec changed = status->st_ctim;

	changed.tv_sec += changed.tv_nsec ? 0 : 2;
	return changed.tv_sec < now->tv_sec ||
	       (changed.tv_sec == now->tv_sec && changed.tv_nsec < now->tv_nsec);
}

void state_add(struct digest_stream *states, const struct stat *status)
{
	const uint64_t state[] = {
	    status->st_ino,
	    status->st_mode,
	    (uint64_t)status->st_size,
	    (uint64_t)status->st_mtim.tv_sec,
	    (uint64_t)status->st_mtim.tv_nsec,
	    (uint64_t)status->st_ctim.tv_sec,
	    (uint64_t)status->st_ctim.tv_nsec,
	};

	digest_add(states, state, sizeof(state));
}
