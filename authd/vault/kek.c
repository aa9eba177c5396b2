/*
 * The key-encryption key and its file.
 *
 * kek.1 = magic[8] ‖ generation (4, big-endian) ‖ AES-256-GCM of the KEK under
 * HKDF-SHA256(master, "kenmon kek 1"), bound to the twelve bytes before it.
 */
#include "keys_internal.h"
#include "files.h"

#include <string.h>

#define KEK_HEADER     12
#define KEK_FILE_BYTES (KEK_HEADER + KM_KEK_BYTES + KM_SEAL_OVERHEAD)

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

static void header_of(uint8_t header[KEK_HEADER])
{
	memcpy(header, kek_magic, sizeof(kek_magic));
	keys_put(header + sizeof(kek_magic), KM_GENERATION, 4);
}

km_rc kek_read(struct km_keys *keys, int folder, const uint8_t sealing[KM_KEY_BYTES])
{
	struct plain *plain PLAIN = km_locked_new(sizeof(*plain));
	uint8_t bytes[KEK_FILE_BYTES], header[KEK_HEADER];
	int fd FILE_CLOSE = -1;
	km_rc rc = plain ? file_open(folder, KM_KEK_FILE, FILE_OURS, &fd) : KM_ENOMEM;

	if (!rc)
		rc = file_read(fd, bytes, sizeof(bytes));
	if (rc)
		return rc;
	header_of(header);
	if (memcmp(bytes, header, sizeof(header)) != 0)
		return KM_ECORRUPT;
	rc = keys_gcm_open(keys, sealing, header, sizeof(header), bytes + sizeof(header),
			   sizeof(bytes) - sizeof(header), plain->kek);
	return rc ? rc : keys_use_kek(keys, plain->kek);
}

/* The mark first: it says that databases may be made for this KEK. */
static km_rc mark_fresh(int folder)
{
	uint8_t chain[16];
	bool marked = false;
	km_rc rc = file_present(folder, KM_FRESH_FILE, &marked, NULL);

	if (rc || marked)
		return rc;
	rc = km_random(chain, sizeof(chain));
	return rc ? rc : file_make(folder, KM_FRESH_FILE, chain, sizeof(chain));
}

km_rc kek_make(struct km_keys *keys, int folder, const uint8_t sealing[KM_KEY_BYTES])
{
	struct plain *plain PLAIN = km_locked_new(sizeof(*plain));
	uint8_t bytes[KEK_FILE_BYTES];
	km_rc rc = plain ? km_random(plain->kek, sizeof(plain->kek)) : KM_ENOMEM;

	if (rc)
		return rc;
	header_of(bytes);
	rc = keys_gcm_seal(keys, sealing, bytes, KEK_HEADER, plain->kek, sizeof(plain->kek),
			   bytes + KEK_HEADER);
	if (!rc)
		rc = mark_fresh(folder);
	if (!rc)
		rc = file_make(folder, KM_KEK_FILE, bytes, sizeof(bytes));
	return rc ? rc : keys_use_kek(keys, plain->kek);
}
