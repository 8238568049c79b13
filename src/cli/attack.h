/*
 * minsys doctor --attack: every attack of tests/sandbox/table on this machine's own sandboxes, by
 * way of the program minsys-attack.
 */
#ifndef CLI_ATTACK_H
#define CLI_ATTACK_H

#include "cli/cli.h"

/* Attack each isolation that works here, or the one asked for, and print what came of it. The exit
 * status: 0 when nothing got out, 1 when something did. */
int attack_run(const struct cli *cli);

#endif
