/*
 * One store for all inputs of a run, in the scratch folder.
 */
#ifndef TESTS_FUZZ_STORE_OF_RUN_H
#define TESTS_FUZZ_STORE_OF_RUN_H

#include "fuzz.h"
#include "store/store.h"

static struct store *store_of_run(void)
{
	static struct store *store;
	struct err e = {0};

	if (store)
		return store;
	close(scratch_open());
	MUST(store_open(scratch_path, &store, &e), &e);
	return store;
}

#endif
