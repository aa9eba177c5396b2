/* Memory for keys: pages of their own, locked, not in core files, not in children. */
#include <stdatomic.h>
#include <sys/mman.h>

#include <kenmon/secret.h>

/* Set once and for all; no lock is taken for it. */
static atomic_bool degraded;

void *km_locked_new(size_t size)
{
	void *p;

	if (size == 0)
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, size, MADV_DONTDUMP) < 0) {
		munmap(p, size);
		return NULL;
	}
	if (madvise(p, size, MADV_WIPEONFORK) < 0 || mlock(p, size) < 0)
		degraded = true;
	return p;
}

void km_locked_free(void *p, size_t size)
{
	if (!p)
		return;
	km_wipe(p, size);
	munmap(p, size); /* unlocks too */
}

bool km_locked_degraded(void)
{
	return degraded;
}
