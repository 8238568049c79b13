/*
 * Tar archives: those of sources.
 */
#include "unpacking.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return unpack_input(unpack_tar, data, size);
}
