/*
 * The page of `minsys report`: one HTML file that asks for nothing. Its markup, style and script
 * are the files in src/cli/report/, which are part of this program.
 */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "base/buf.h"

/* Write the page that shows `data`: JSON without any `<`. No script but its own runs in it. */
void page_format(const char *data, struct buf *ret_page);

#endif
