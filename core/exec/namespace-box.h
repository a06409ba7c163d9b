// SPDX-License-Identifier: Apache-2.0
/*
 * namespace-box - a name space that is kept for the next process while nobody is in it.
 *
 * A box is one datagram socket, connected to itself, with the name space as a message in it. Whoever has the fd can look into it (a look
 * takes nothing out), and init's vault keeps it when core dies. The first process fills it. Those that come at once are kept apart by a
 * record lock, which ends with the process that holds it.
 */
#pragma once

/* The fd or -errno. */
int namespace_box_new(void);
/* Once: @ns stays the caller's. 0 or -errno. */
int namespace_box_put(int box, int ns);
/* A new fd of what is in it; -ENOENT: nothing. */
int namespace_box_get(int box);
/* 0; -ETIMEDOUT: somebody has had it for half a minute. */
int namespace_box_lock(int box);
void namespace_box_unlock(int box);
