/*
 * Memory for keys: pages of their own, locked, not in core files, not in children.
 *
 * One of up to a page goes, wiped, to a shelf when it is freed, for whoever comes next: a program
 * that logs many in, in threads, would otherwise map, lock and unmap a page for each of them, and
 * for every such change all its threads wait.
 */
#include <stdatomic.h>
#include <sys/mman.h>

#include <kenmon/secret.h>

#define PAGE  4096
#define ROOM  (PAGE - 1)
#define SHELF 64 /* as many at most stay: 256 KiB */

struct page {
	uint8_t room[ROOM];
	uint8_t locked; /* 0 when it is new, and in a child: it has the page, wiped, but no lock */
};

static _Atomic(struct page *) shelf[SHELF];

/* Set once and for all; no lock is taken for it. */
static atomic_bool degraded;

static bool protect(void *p, size_t size)
{
	if (madvise(p, size, MADV_DONTDUMP) < 0)
		return false;
	if (madvise(p, size, MADV_WIPEONFORK) < 0 || mlock(p, size) < 0)
		degraded = true;
	return true;
}

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static struct page *take(void)
{
	for (size_t i = 0; i < SHELF; i++) {
		struct page *p = atomic_load(&shelf[i]);

		if (p && atomic_compare_exchange_strong(&shelf[i], &p, NULL))
			return p;
	}
	return NULL;
}

/* False: the shelf is full, or the page may be one that a child would see. */
static bool put_back(struct page *p)
{
	for (size_t i = 0; i < SHELF && !degraded; i++) {
		struct page *none = NULL;

		if (!atomic_load(&shelf[i]) && atomic_compare_exchange_strong(&shelf[i], &none, p))
			return true;
	}
	return false;
}

static void *new_page(void)
{
	struct page *p = take();

	if (!p)
		p = map(sizeof(*p));
	if (!p)
		return NULL;
	if (!p->locked && !protect(p, sizeof(*p))) {
		munmap(p, sizeof(*p));
		return NULL;
	}
	p->locked = 1;
	return p->room;
}

static void *new_pages(size_t size)
{
	void *p = map(size);

	if (p && !protect(p, size)) {
		munmap(p, size);
		return NULL;
	}
	return p;
}

void *km_locked_new(size_t size)
{
	if (size == 0)
		return NULL;
	return size <= ROOM ? new_page() : new_pages(size);
}

void km_locked_free(void *p, size_t size)
{
	const bool one = size <= ROOM;

	if (!p)
		return;
	km_wipe(p, one ? ROOM : size);
	if (!one || !put_back(p))
		munmap(p, one ? sizeof(struct page) : size); /* unlocks too */
}

bool km_locked_degraded(void)
{
	return degraded;
}
