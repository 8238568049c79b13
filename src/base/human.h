/* Figures as people read them, and the clock that they are measured with. */
#ifndef BASE_HUMAN_H
#define BASE_HUMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUMAN_SIZE 24 /* room for any of these texts */

/* "812 B", "1.1 MB": powers of 1000, three digits at most before the unit. Returns ret_text. */
const char *human_bytes(uint64_t bytes, char ret_text[HUMAN_SIZE]);
/* Read a size: a number and a unit, B, k, M, G, T (powers of 1000) with or without a B behind them,
 * or Ki, Mi, Gi, Ti (of 1024): "500MB", "1.5 G", "0". False when it is none. */
bool human_parse_bytes(const char *text, uint64_t *ret_bytes);
/* "0:07", "12:30", "3:05:00". Returns ret_text. */
const char *human_seconds(uint64_t seconds, char ret_text[HUMAN_SIZE]);

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t clock_milliseconds(void);

#endif
