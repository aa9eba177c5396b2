/*
 * A post office: the real kenmon-courier, to which the test plays the vault over a real socket with
 * real frames. Functions that return bool say on standard error what went wrong.
 */
#ifndef KENMON_TESTS_HOUSE_POST_H
#define KENMON_TESTS_HOUSE_POST_H

#include <kenmon/order.h>
#include <kenmon/wire.h>

#include "house.h"

struct post {
	char dir[HOUSE_PATH], log[HOUSE_PATH], conf[HOUSE_PATH], credentials[HOUSE_PATH],
	    orders[HOUSE_PATH];
	char bin[HOUSE_PATH];
	int listener, link; /* link: at the vault's end; -1: none */
	pid_t pid;
};

/* What is heard of an order. */
struct post_news {
	enum km_order_state state;
	enum km_order_why why;
};

/* Makes the folder; nothing runs yet. */
bool post_begin(struct post *p);
/* Writes this configuration, and what is in credentials (NULL: no file); post->credentials is its
 * path. */
bool post_configure(struct post *p, const char *conf, const char *credentials);
/* Starts the courier and takes its first word. */
bool post_start(struct post *p);
bool post_stop(struct post *p); /* kills it */
void post_end(struct post *p);

bool post_send(struct post *p, uint64_t id, const char *number, const char *text, int64_t ms);
bool post_cancel(struct post *p, uint64_t id);
/* The next word about this order; words about others are dropped. state NONE: none
 * came. */
struct post_news post_hear(struct post *p, uint64_t id);
/* The next word about any order. */
struct post_news post_hear_any(struct post *p, uint64_t *id);
/* It says again what it can do: it has read its configuration. */
bool post_greeted_again(struct post *p);
/* The first that ends it; before is what came before that one. */
struct post_news post_outcome(struct post *p, uint64_t id, enum km_order_state *before);

bool post_logged(const struct post *p, const char *text); /* waits for it */
/* All that it has logged, in a buffer until the next call. */
const char *post_log(const struct post *p);

#endif
