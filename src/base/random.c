#include "base/random.h"

#include <sys/random.h>

int random_get(void *ret_bytes, size_t size, struct err *e)
{
	/* So few come all at once, and no signal interrupts it. */
	return getrandom(ret_bytes, size, 0) == (ssize_t)size ? 0
							      : err_errno(e, "get random bytes");
}
