/*
 * Key-encryption keys: one file for each generation, in a folder of their own.
 *
 * kek.G = magic[8] ‖ generation G (4, big-endian) ‖ AES-256-GCM of the KEK under
 * HKDF-SHA256(master, "kenmon kek 1"), bound to the twelve bytes before it.
 *
 * There is one, or, while an epoch closes, one and its successor. The folder
 * is not the state folder, so that whoever keeps copies of that keeps no KEK:
 * destroying the one file here ends every copy (docs/decisions/0008).
 */
#include "keys_internal.h"
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEK_HEADER     12
#define KEK_FILE_BYTES (KEK_HEADER + KM_KEK_BYTES + KM_SEAL_OVERHEAD)
#define KEK_NAME       16         /* "kek.4294967295" */
#define KEK_GONE       "kek.gone" /* a KEK that is being destroyed; never read */

static const uint8_t kek_magic[8] = { 'k', 'e', 'n', 'm', 'o', 'n', 'K', '1' };

/* A KEK in the clear, for as long as it takes to key the contexts: in locked memory. */
struct plain {
	uint8_t kek[KM_KEK_BYTES];
};

static void plain_free(struct plain **p)
{
	km_locked_free(*p, sizeof(**p));
}
#define PLAIN __attribute__((cleanup(plain_free)))

static void name_of(uint32_t generation, char name[KEK_NAME])
{
	(void)snprintf(name, KEK_NAME, "kek.%u", generation);
}

static void header_of(uint32_t generation, uint8_t header[KEK_HEADER])
{
	memcpy(header, kek_magic, sizeof(kek_magic));
	keys_put(header + sizeof(kek_magic), generation, 4);
}

/* --- the folder ----------------------------------------------------------- */

km_rc km_keys_folder(const char *dir, char path[PATH_MAX])
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	return (size_t)snprintf(path, PATH_MAX, "%.*s%s", (int)len, dir, KM_KEK_FOLDER) < PATH_MAX
		   ? KM_OK
		   : KM_ELIMIT;
}

km_rc kek_folder(const char *dir, bool may_create, int *folder)
{
	char path[PATH_MAX];
	km_rc rc = km_keys_folder(dir, path);

	if (rc)
		return rc;
	if (may_create && mkdir(path, 0700) && errno != EEXIST)
		return errno == EACCES || errno == EPERM ? KM_EPERM : KM_EIO;
	return file_folder(path, FILE_OURS, folder);
}

/* "kek.7" → 7; 0: another name. */
static uint32_t generation_of(const char *name)
{
	char right[KEK_NAME];
	unsigned long n;

	if (strncmp(name, "kek.", 4) != 0)
		return 0;
	n = strtoul(name + 4, NULL, 10);
	if (n == 0 || n > UINT32_MAX)
		return 0;
	name_of((uint32_t)n, right);
	return strcmp(name, right) == 0 ? (uint32_t)n : 0;
}

static km_rc take_generation(uint32_t generation, uint32_t found[KEK_COUNT])
{
	if (!found[KEK_NEWEST])
		found[KEK_NEWEST] = generation;
	else if (found[KEK_OLDER])
		return KM_ECORRUPT; /* a third one */
	else if (generation == found[KEK_NEWEST] + 1) {
		found[KEK_OLDER] = found[KEK_NEWEST];
		found[KEK_NEWEST] = generation;
	} else if (generation + 1 == found[KEK_NEWEST])
		found[KEK_OLDER] = generation;
	else
		return KM_ECORRUPT;
	return KM_OK;
}

km_rc kek_find(int folder, uint32_t found[KEK_COUNT])
{
	int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	struct dirent *e;
	km_rc rc = KM_OK;

	if (!d) {
		if (again >= 0)
			close(again);
		return KM_EIO;
	}
	found[KEK_NEWEST] = found[KEK_OLDER] = 0;
	while (!rc && (errno = 0, e = readdir(d))) {
		uint32_t generation = generation_of(e->d_name);
		bool there = false;

		if (generation)
			rc = file_present(folder, e->d_name, &there, NULL);
		if (!rc && there)
			rc = take_generation(generation, found);
	}
	if (!rc && errno)
		rc = KM_EIO;
	closedir(d);
	return rc;
}

/* --- one KEK -------------------------------------------------------------- */

km_rc kek_read(struct km_keys *keys, uint32_t generation, uint8_t plain[KM_KEK_BYTES])
{
	uint8_t bytes[KEK_FILE_BYTES], header[KEK_HEADER];
	char name[KEK_NAME];
	int fd FILE_CLOSE = -1;
	km_rc rc;

	name_of(generation, name);
	header_of(generation, header);
	rc = file_open(keys->kek_folder, name, FILE_OURS, &fd);
	if (!rc)
		rc = file_read(fd, bytes, sizeof(bytes));
	if (!rc && memcmp(bytes, header, sizeof(header)) != 0)
		rc = KM_ECORRUPT;
	return rc ? rc
		  : keys_gcm_open(keys, keys->sealing, header, sizeof(header),
				  bytes + sizeof(header), sizeof(bytes) - sizeof(header), plain);
}

static km_rc read_one(struct km_keys *keys, uint32_t generation, struct kek *out)
{
	struct plain *plain PLAIN = km_locked_new(sizeof(*plain));
	km_rc rc = plain ? kek_read(keys, generation, plain->kek) : KM_ENOMEM;

	return rc ? rc : keys_kek_new(plain->kek, generation, out);
}

static km_rc make_one(struct km_keys *keys, uint32_t generation, struct kek *out)
{
	struct plain *plain PLAIN = km_locked_new(sizeof(*plain));
	struct kek made = { 0 };
	uint8_t bytes[KEK_FILE_BYTES];
	char name[KEK_NAME];
	km_rc rc = plain ? km_random(plain->kek, sizeof(plain->kek)) : KM_ENOMEM;

	name_of(generation, name);
	header_of(generation, bytes);
	if (!rc)
		rc = keys_gcm_seal(keys, keys->sealing, bytes, KEK_HEADER, plain->kek,
				   sizeof(plain->kek), bytes + KEK_HEADER);
	if (!rc)
		rc = keys_kek_new(plain->kek, generation, &made);
	/* One that is there was made by a try that failed later: nothing is wrapped under it. */
	if (!rc)
		rc = file_remove(keys->kek_folder, name);
	if (!rc)
		rc = file_make(keys->kek_folder, name, bytes, sizeof(bytes));
	if (rc)
		keys_kek_free(&made);
	else
		*out = made;
	return rc;
}

/* --- all of them ---------------------------------------------------------- */

km_rc kek_load(struct km_keys *keys, const uint32_t found[KEK_COUNT])
{
	km_rc rc = file_shred(keys->kek_folder, KEK_GONE); /* what a crash left of a destruction */

	for (int i = 0; !rc && i < KEK_COUNT; i++)
		if (found[i])
			rc = read_one(keys, found[i], &keys->kek[i]);
	return rc;
}

km_rc kek_make_first(struct km_keys *keys)
{
	return make_one(keys, 1, &keys->kek[KEK_NEWEST]);
}

km_rc kek_make(struct km_keys *keys, uint32_t generation)
{
	return make_one(keys, generation, &keys->kek[KEK_NEWEST]);
}

uint32_t km_keys_generation(const struct km_keys *keys)
{
	return keys->kek[KEK_NEWEST].generation;
}

uint32_t km_keys_older(const struct km_keys *keys)
{
	return keys->kek[KEK_OLDER].generation;
}

km_rc km_keys_renew(struct km_keys *keys)
{
	struct kek made = { 0 };
	uint32_t generation = km_keys_generation(keys);
	km_rc rc;

	if (km_keys_older(keys))
		return KM_ESTATE;
	if (generation == UINT32_MAX)
		return KM_ELIMIT;
	rc = make_one(keys, generation + 1, &made);
	if (rc)
		return rc;
	keys->kek[KEK_OLDER] = keys->kek[KEK_NEWEST];
	keys->kek[KEK_NEWEST] = made;
	return KM_OK;
}

km_rc km_keys_retire(struct km_keys *keys)
{
	bool there = false;
	char name[KEK_NAME];
	km_rc rc;

	if (!km_keys_older(keys))
		return KM_ESTATE;
	name_of(km_keys_older(keys), name);
	rc = file_shred(keys->kek_folder, KEK_GONE); /* of a try that failed half way */
	if (!rc)
		rc = file_present(keys->kek_folder, name, &there, NULL);
	/* Another name first: a start in the middle must not take zeros for a KEK. */
	if (!rc && there)
		rc = file_place(keys->kek_folder, name, KEK_GONE);
	if (!rc)
		rc = file_shred(keys->kek_folder, KEK_GONE);
	if (!rc)
		keys_kek_free(&keys->kek[KEK_OLDER]);
	return rc;
}
