/*
 * The locked memory of calls that have ended, for those that come: a program that logs many in, in
 * threads, would otherwise map, lock and unmap a page for each, and for every such change all its
 * threads wait. What lies here is wiped.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "door.h"

#define PLACES 64

/* The kernel wipes it in a child, which has the page but not its lock. */
enum state { A_PARENTS = 0, IN_USE, SHELVED };

struct page {
	uint8_t bytes[DOOR_PAGE];
	uint8_t state;
};

static _Atomic(struct page *) shelf[PLACES];

static struct page *take(void)
{
	for (size_t i = 0; i < PLACES; i++) {
		struct page *p = atomic_load(&shelf[i]);

		if (p && atomic_compare_exchange_strong(&shelf[i], &p, NULL))
			return p;
	}
	return NULL;
}

static bool put(struct page *p)
{
	for (size_t i = 0; i < PLACES; i++) {
		struct page *none = NULL;

		if (!atomic_load(&shelf[i]) && atomic_compare_exchange_strong(&shelf[i], &none, p))
			return true;
	}
	return false;
}

void *door_page_new(void)
{
	struct page *p;

	while ((p = take()) && p->state == A_PARENTS)
		km_locked_free(p, sizeof(*p));
	if (!p)
		p = km_locked_new(sizeof(*p));
	if (!p)
		return NULL;
	p->state = IN_USE;
	return p->bytes;
}

void door_page_free(void *bytes)
{
	struct page *p = bytes;

	if (p->state == SHELVED)
		abort(); /* as free() does: two calls would share it */
	km_wipe(p->bytes, sizeof(p->bytes));
	/* Where memory may be unlocked, or seen by a child, nothing stays. */
	if (p->state == IN_USE && !km_locked_degraded()) {
		p->state = SHELVED;
		if (put(p))
			return;
	}
	km_locked_free(p, sizeof(*p));
}
