/*
 * What the fuzzers share. A target is one file fuzz_NAME.c with LLVMFuzzerTestOneInput, its seeds
 * and its words; libFuzzer brings main(). Most read a small language of bytes, "act, arguments",
 * so that a mutation is another story and not another garbage.
 */
#ifndef KENMON_FUZZ_H
#define KENMON_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/wire.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- each target's own --------------------------------------------------------- */

struct fuzz_seed {
	const char *name;
	const uint8_t *bytes;
	size_t len;
};
#define SEED(name, ...)                                                                            \
	{                                                                                          \
		(name), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }) \
	}
#define SEED_TEXT(name, text)                                                                      \
	{                                                                                          \
		(name), (const uint8_t *)(text), sizeof(text) - 1                                  \
	}

extern const struct fuzz_seed fuzz_seeds[]; /* ends with a NULL name */
extern const char *const fuzz_words[];      /* for the dictionary; ends with NULL */
/* Before the first input; a target that needs nothing does nothing. */
void fuzz_begin(void);

/* --- reading the input --------------------------------------------------------- */

struct fuzz_in {
	const uint8_t *at;
	size_t left;
};

/* 0 where the input has ended. */
uint8_t fuzz_u8(struct fuzz_in *in);
uint64_t fuzz_integer(struct fuzz_in *in, size_t bytes);
/* Up to cap bytes: a length (of two bytes where cap is above 256), then so many. */
size_t fuzz_bytes(struct fuzz_in *in, uint8_t *out, size_t cap);

/* --- saying that something is wrong --------------------------------------------- */

/* Ends the program as a sanitizer would. */
_Noreturn void fuzz_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define fuzz_check(condition, ...)                                                                 \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fuzz_fail(__FILE__, __LINE__, __VA_ARGS__);                                \
	} while (0)

bool fuzz_is_zero(const void *p, size_t len);
/* How many descriptors are open: more than before means that one was left. */
unsigned fuzz_descriptors(void);
/* A folder of this process, in TMPDIR or /dev/shm; removed at its end. */
const char *fuzz_folder(void);
void fuzz_write_file(const char *path, const void *bytes, size_t len);

/* --- messages (message.c) -------------------------------------------------------- */

extern const uint8_t fuzz_numbers[]; /* of all messages */
extern const size_t fuzz_number_count;
#define FUZZ_ALL_PARTIES (2u * KM_FROM_COURIER - 1)
#define FUZZ_ALL_PHASES  (2u * KM_PHASE_COURIER - 1)

/* What messages.def says, read here a second time: not the decoder's own table. */
bool fuzz_table_says(unsigned number, unsigned from, unsigned phases);

/* Where a target has better ideas than random bytes; each may be NULL. */
struct fuzz_ideas {
	const char *const *words; /* ends with NULL */
	void (*bytes)(struct fuzz_in *in, uint8_t *out, size_t len);
	void (*secret)(struct fuzz_in *in, struct km_secret *out, size_t limit);
};
/*
 * A message of this number with its fields from the input. A text is one byte: a word's place, or
 * above them a length and so many bytes.
 */
void fuzz_message(struct fuzz_in *in, unsigned number, const struct fuzz_ideas *ideas,
		  struct km_msg *m);

#endif
