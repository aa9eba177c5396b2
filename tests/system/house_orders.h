/*
 * The real kenmon-courier alone, given orders by a vault that the test plays on the real socket.
 */
#ifndef KENMON_TESTS_HOUSE_ORDERS_H
#define KENMON_TESTS_HOUSE_ORDERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <kenmon/order.h>
#include <kenmon/wire.h>

#define ORDERS_PATH 192
#define ORDERS_MS   60000 /* the longest that anything is waited for */

struct orders {
	char dir[64];           /* a folder of the test's own, removed at the end */
	char conf[ORDERS_PATH]; /* kenmon.conf in it */
	char log[ORDERS_PATH];  /* what the courier wrote to standard error */
	char program[512];
	int listener, courier; /* the vault's ends */
	pid_t pid;             /* of the courier; 0: none */
};

/* Makes the folder and the door. The configuration is written by the test, to o->conf. */
bool orders_open(struct orders *o);
void orders_close(struct orders *o);

/* "%s" in text becomes the folder. */
bool orders_configure(const struct orders *o, const char *text);

/* Starts a courier, takes its link and its first word. */
bool orders_start(struct orders *o, struct km_msg *hello);
/* Starts one that ends without coming to the vault. Its exit code, as below. */
int orders_run(struct orders *o);
/* Its end: by this signal, or by itself (0). The exit code, 128 + a signal, or -1: it does not end.
 */
int orders_end(struct orders *o, int signal);

/* Gives an order, as the vault does; text may be NULL. */
bool orders_give(const struct orders *o, uint64_t id, enum km_order kind, const char *number,
		 const char *text, int64_t left_ms);
bool orders_cancel(const struct orders *o, uint64_t id);

/* The next word of the courier, within so many ms. False: none, or the end of its link. */
bool orders_hear(const struct orders *o, struct km_msg *m, int ms);

/* Hears until this order is in that state, or has ended otherwise. The last state, 0: nothing came.
 */
unsigned orders_until(const struct orders *o, uint64_t id, enum km_order_state state,
		      unsigned *why);

#endif
