/* Heap sort of whole numbers: in place, in bounded time, and the same everywhere. */
#include <string.h>

#include "print.h"

static void sift(uint64_t *keys, size_t at, size_t n)
{
	uint64_t key = keys[at];

	for (size_t child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && keys[child + 1] > keys[child])
			child++;
		if (keys[child] <= key)
			break;
		keys[at] = keys[child];
	}
	keys[at] = key;
}

void sort_keys(uint64_t *keys, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(keys, i, n);
	while (n > 1) {
		uint64_t last = keys[--n];

		keys[n] = keys[0];
		keys[0] = last;
		sift(keys, 0, n);
	}
}

uint32_t sort_bits(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof bits);
	return bits;
}
