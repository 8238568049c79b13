/*
 * Debian packages: those of the tools root.
 */
#include "unpacking.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return unpack_input(unpack_deb, data, size);
}
