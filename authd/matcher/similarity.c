/*
 * How much two cylinders look alike, by counting bits. Compiled twice: with the processor's
 * instruction for it, and without, for machines that have none. Both count the same.
 */
#include <math.h>

#include "print.h"

static bool portable;

void similarity_portable(bool on)
{
	portable = on;
}

static inline __attribute__((always_inline)) unsigned count_bits(uint64_t x, bool instruction)
{
	if (instruction)
		return (unsigned)__builtin_popcountll(x);
	x -= x >> 1 & 0x5555555555555555;
	x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (unsigned)(x * 0x0101010101010101 >> 56);
}

static inline __attribute__((always_inline)) float
similarity(const struct cylinder *a, const struct cylinder *b, bool instruction)
{
	uint64_t valid[CELL_WORDS];
	unsigned both = 0, differ = 0, of_a = 0, of_b = 0;

	for (unsigned k = 0; k < CELL_WORDS; k++) {
		valid[k] = a->valid[k] & b->valid[k];
		both += count_bits(valid[k], instruction);
	}
	if (both < CYLINDER_PAIR)
		return 0;
	for (unsigned l = 0; l < LAYERS; l++)
		for (unsigned k = 0; k < CELL_WORDS; k++) {
			uint64_t u = a->set[l][k] & valid[k], v = b->set[l][k] & valid[k];

			differ += count_bits(u ^ v, instruction);
			of_a += count_bits(u, instruction);
			of_b += count_bits(v, instruction);
		}
	if (!of_a && !of_b)
		return 0;
	return 1 - sqrtf((float)differ) / (sqrtf((float)of_a) + sqrtf((float)of_b));
}

static inline __attribute__((always_inline)) void
each_pair(const struct print *a, const struct print *b, float *alike, bool instruction)
{
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned j = 0; j < b->n; j++) {
			int turn = b->turn[j] - a->turn[i];
			bool turned = turn >= TURN_MAX && turn <= 360 - TURN_MAX;

			turned = turned || (turn <= -TURN_MAX && turn >= TURN_MAX - 360);
			alike[i * b->n + j] =
			    a->usable[i] && b->usable[j] && !turned
				? similarity(&a->cylinder[i], &b->cylinder[j], instruction)
				: 0;
		}
}

static void all_portable(const struct print *a, const struct print *b, float *alike)
{
	each_pair(a, b, alike, false);
}

#if defined(__x86_64__)
/* Neither clones nor ifuncs: the loader would choose before the sanitizers' own code runs. */
static __attribute__((target("popcnt"))) void all_instruction(const struct print *a,
							      const struct print *b, float *alike)
{
	each_pair(a, b, alike, true);
}

void similarity_all(const struct print *a, const struct print *b, float *alike)
{
	(!portable && __builtin_cpu_supports("popcnt") ? all_instruction : all_portable)(a, b,
											 alike);
}
#else
void similarity_all(const struct print *a, const struct print *b, float *alike)
{
	all_portable(a, b, alike);
}
#endif
