/*
 * What is freed is wiped: images, prints and minutiae pass through buffers of libfprint and GLib
 * that nobody outside can reach, but all of them come back here. These two take the places of the C
 * library's in this program, for every library in it.
 *
 * Not in builds with sanitizers, which have an allocator of their own.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OTHER_ALLOCATOR 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
#define OTHER_ALLOCATOR 1
#endif
#endif

#if defined(__GLIBC__) && !defined(OTHER_ALLOCATOR)

/* The C library's own, under the names that it keeps for this. */
void __libc_free(void *p);
void *__libc_malloc(size_t size);

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void free(void *p)
{
	const int before = errno; /* free(3) leaves it alone */

	if (!p)
		return;
	explicit_bzero(p, malloc_usable_size(p));
	__libc_free(p);
	errno = before;
}

/* Always another place: what is left behind in the old one is wiped too. */
EXPORTED void *realloc(void *p, size_t size)
{
	size_t had = p ? malloc_usable_size(p) : 0;
	void *other;

	if (p && size == 0) {
		free(p);
		return NULL;
	}
	/* As much as there was room for, and no more than half of it for nothing. */
	if (p && size <= had && size >= had / 2)
		return p;
	other = __libc_malloc(size);
	if (!other)
		return NULL;
	if (p)
		memcpy(other, p, had < size ? had : size);
	free(p);
	return other;
}

#endif
