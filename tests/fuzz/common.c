/* Input, oracles, seeds, dictionary. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "fuzz.h"

/* The sanitizer's, where there is one (in the coverage build there is none). */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

/* --- reading the input --------------------------------------------------------- */

uint8_t fuzz_u8(struct fuzz_in *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

uint64_t fuzz_integer(struct fuzz_in *in, size_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | fuzz_u8(in);
	return value;
}

size_t fuzz_bytes(struct fuzz_in *in, uint8_t *out, size_t cap)
{
	size_t len = cap > UINT8_MAX + 1 ? (size_t)fuzz_integer(in, 2) : fuzz_u8(in);

	if (len > cap)
		len = cap;
	if (len > in->left)
		len = in->left;
	memcpy(out, in->at, len);
	in->at += len;
	in->left -= len;
	return len;
}

/* --- a folder -------------------------------------------------------------------- */

static char folder[64];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void remove_folder(void)
{
	if (folder[0])
		nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	folder[0] = '\0';
}

/* --- saying that something is wrong --------------------------------------------- */

_Noreturn void fuzz_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "==ERROR: %s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	remove_folder();
	abort();
}

bool fuzz_is_zero(const void *p, size_t len)
{
	const uint8_t *at = p;

	return len == 0 || (at[0] == 0 && memcmp(at, at + 1, len - 1) == 0);
}

#define DESCRIPTORS 192

unsigned fuzz_descriptors(void)
{
	static struct pollfd fds[DESCRIPTORS];
	unsigned open = 0;

	for (int i = 0; i < DESCRIPTORS; i++)
		fds[i] = (struct pollfd){ .fd = i };
	fuzz_check(poll(fds, DESCRIPTORS, 0) >= 0, "no poll");
	for (int i = 0; i < DESCRIPTORS; i++)
		open += !(fds[i].revents & POLLNVAL);
	return open;
}

/* --- files ------------------------------------------------------------------------ */

const char *fuzz_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	if (folder[0])
		return folder;
	snprintf(folder, sizeof(folder), "%.40s/kenmon-fuzz-XXXXXX", tmp ? tmp : "/dev/shm");
	fuzz_check(mkdtemp(folder), "no folder %s", folder);
	atexit(remove_folder);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(remove_folder);
	return folder;
}

void fuzz_write_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	fuzz_check(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, "%s cannot be written", path);
	close(fd);
}

/* --- seeds and dictionary -------------------------------------------------------- */

static void write_seeds(const char *dir)
{
	char path[512];

	for (const struct fuzz_seed *s = fuzz_seeds; s->name; s++) {
		snprintf(path, sizeof(path), "%s/seed-%s", dir, s->name);
		fuzz_write_file(path, s->bytes, s->len);
	}
}

/* libFuzzer's: one "word" a line, bytes as \xNN. */
static void write_dictionary(const char *path)
{
	FILE *f = fopen(path, "we");

	fuzz_check(f, "%s cannot be written", path);
	for (size_t i = 0; i < fuzz_number_count; i++)
		fprintf(f, "\"\\x%02x\\x00\\x00\\x00\\x00\"\n", fuzz_numbers[i]);
	for (const char *const *word = fuzz_words; *word; word++) {
		fputc('"', f);
		for (const char *c = *word; *c; c++)
			fprintf(f, "\\x%02x", (unsigned char)*c);
		fputs("\"\n", f);
	}
	fuzz_check(fclose(f) == 0, "%s cannot be written", path);
}

/* FUZZ_SEEDS=FOLDER and FUZZ_DICTIONARY=FILE: only write these. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *seeds = getenv("FUZZ_SEEDS"), *dictionary = getenv("FUZZ_DICTIONARY");

	(void)argc;
	(void)argv;
	if (seeds)
		write_seeds(seeds);
	if (dictionary)
		write_dictionary(dictionary);
	if (seeds || dictionary)
		exit(0);
	km_log_open("fuzz", NULL, LOG_EMERG - 1);
	fuzz_begin();
	return 0;
}
