/*
 * UTF-8 in bytes that anyone may have written.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* How many bytes the character has that `bytes` begin with, and which it is; 0 when they begin
 * with none: a stray byte, a number that has a shorter form, a surrogate, or the end of `bytes`
 * within it. */
size_t utf8_decode(const char *bytes, size_t length, uint32_t *ret_character);

/* Add bytes, with U+FFFD in place of each that is of no character. */
void add_utf8(struct buf *text, const char *bytes, size_t length);

#endif
