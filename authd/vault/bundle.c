/*
 * The key bundle: what opens a copy of the databases, sealed to the site's escrow key,
 * whose private part is not on this machine. Made whole in one round, so that it holds
 * the keys of one moment: whoever is erased after it is in it, whoever was before is not.
 *
 * A key of its own for each bundle: an ephemeral X25519 key and the site's give a secret, from
 * which HKDF-SHA256 makes key and nonce of AES-256-GCM; the header is bound to it.
 */
#include "copy.h"
#include "keys_internal.h"
#include "store_bundle.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#define SHARED_BYTES 32 /* what X25519 gives */

static void pkey_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void pkey_context_free(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void cipher_free(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

#define PKEY         __attribute__((cleanup(pkey_free)))
#define PKEY_CONTEXT __attribute__((cleanup(pkey_context_free)))
#define CIPHER       __attribute__((cleanup(cipher_free)))

/* Of one bundle; in locked memory. */
struct sealing {
	uint8_t shared[SHARED_BYTES];
	uint8_t key[KM_KEY_BYTES + KM_NONCE_BYTES];
};

static void sealing_free(struct sealing **s)
{
	km_locked_free(*s, sizeof(**s));
}
#define SEALING __attribute__((cleanup(sealing_free)))

static km_rc public_of(const EVP_PKEY *key, uint8_t out[32])
{
	uint8_t bytes[32];
	size_t len = sizeof(bytes);

	if (EVP_PKEY_get_raw_public_key(key, bytes, &len) != 1 || len != sizeof(bytes))
		return KM_ENOMEM;
	memcpy(out, bytes, sizeof(bytes));
	return KM_OK;
}

/* KM_ECORRUPT: the other's is no key (a point of small order). */
static km_rc agree(EVP_PKEY *mine, const uint8_t other[32], struct sealing *s)
{
	EVP_PKEY *theirs PKEY = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, other, 32);
	EVP_PKEY_CTX *ctx PKEY_CONTEXT = EVP_PKEY_CTX_new(mine, NULL);
	size_t len = sizeof(s->shared);

	if (!theirs || !ctx || EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer(ctx, theirs) != 1)
		return KM_ENOMEM;
	return EVP_PKEY_derive(ctx, s->shared, &len) == 1 && len == sizeof(s->shared) ? KM_OK
										      : KM_ECORRUPT;
}

static km_rc derive(const struct km_bundle *b, struct sealing *s)
{
	uint8_t salt[64];

	memcpy(salt, b->ephemeral, 32);
	memcpy(salt + 32, b->escrow, 32);
	return keys_hkdf(s->shared, sizeof(s->shared), salt, sizeof(salt), KM_BUNDLE_INFO, s->key,
			 sizeof(s->key));
}

static km_rc begin(EVP_CIPHER_CTX *ctx, const struct sealing *s, const struct km_bundle *b,
		   int seal)
{
	uint8_t header[KM_BUNDLE_HEADER];
	int n = 0;

	km_bundle_pack(b, header);
	return ctx &&
		       EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), s->key, s->key + KM_KEY_BYTES,
					  seal, NULL) &&
		       EVP_CipherUpdate(ctx, NULL, &n, header, sizeof(header))
		   ? KM_OK
		   : KM_ENOMEM;
}

/* --- making one -------------------------------------------------------------------------- */

struct making {
	EVP_CIPHER_CTX *ctx;
	uint8_t *bytes;
	size_t len, cap;
};

static km_rc put(void *arg, const uint8_t *plain, size_t len)
{
	struct making *m = arg;
	int n = 0;

	if (len > m->cap - m->len)
		return KM_ECORRUPT;
	if (!EVP_CipherUpdate(m->ctx, m->bytes + m->len, &n, plain, (int)len) || (size_t)n != len)
		return KM_ENOMEM;
	m->len += len;
	return KM_OK;
}

static km_rc put_keys(struct vault *v, struct making *m)
{
	struct km_copied_keys *keys COPIED_KEYS = copied_keys_new();
	km_rc rc = keys ? km_keys_copy(v->keys, v->state_dir,
				       v->key_path ? v->key_path : KM_MASTER_FILE, keys)
			: KM_ENOMEM;

	if (!rc)
		rc = put(m, keys->master, sizeof(keys->master));
	return rc ? rc : put(m, keys->kek, sizeof(keys->kek));
}

static km_rc put_end(struct making *m)
{
	int n = 0;

	if (m->cap - m->len != KM_BUNDLE_TAG)
		return KM_ECORRUPT;
	if (!EVP_CipherFinal_ex(m->ctx, m->bytes + m->len, &n) ||
	    !EVP_CIPHER_CTX_ctrl(m->ctx, EVP_CTRL_AEAD_GET_TAG, KM_BUNDLE_TAG, m->bytes + m->len))
		return KM_ENOMEM;
	m->len += KM_BUNDLE_TAG;
	return KM_OK;
}

static km_rc fill(struct vault *v, const struct km_bundle *b, const struct sealing *s,
		  struct making *m)
{
	const struct bundle_sink sink = { put, m };
	km_rc rc = begin(m->ctx, s, b, 1);

	km_bundle_pack(b, m->bytes);
	m->len = KM_BUNDLE_HEADER;
	if (!rc)
		rc = put_keys(v, m);
	if (!rc)
		rc = store_bundle_rows(v->store, b, &sink);
	return rc ? rc : put_end(m);
}

/* Header and key of a new one. */
static km_rc prepare(struct vault *v, struct km_bundle *b, struct sealing *s)
{
	EVP_PKEY *mine PKEY = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	struct km_head head;
	km_rc rc = mine ? store_head(v->store, &head) : KM_ENOMEM;

	if (rc)
		return rc;
	*b = (struct km_bundle){ .generation = km_keys_generation(v->keys),
				 .wall = v->now.wall,
				 .seq = head.seq };
	memcpy(b->chain, head.chain, sizeof(b->chain));
	memcpy(b->escrow, v->conf.backup_escrow_key.bytes, sizeof(b->escrow));
	rc = public_of(mine, b->ephemeral);
	if (!rc)
		rc = store_bundle_count(v->store, b);
	if (!rc)
		rc = agree(mine, b->escrow, s);
	return rc ? rc : derive(b, s);
}

km_rc bundle_make(struct vault *v, struct km_bundle *header, uint8_t **bytes, size_t *len)
{
	struct sealing *s SEALING = km_locked_new(sizeof(*s));
	EVP_CIPHER_CTX *ctx CIPHER = EVP_CIPHER_CTX_new();
	struct making m = { .ctx = ctx };
	struct km_bundle b;
	km_rc rc = s && ctx ? KM_OK : KM_ENOMEM;

	if (!rc && km_keys_older(v->keys))
		rc = KM_EAGAIN;
	if (!rc)
		rc = prepare(v, &b, s);
	if (rc)
		return rc;
	m.cap = km_bundle_total(&b);
	m.bytes = malloc(m.cap);
	rc = m.bytes ? fill(v, &b, s, &m) : KM_ENOMEM;
	if (rc) {
		free(m.bytes);
		return rc;
	}
	*header = b;
	*bytes = m.bytes;
	*len = m.len;
	return KM_OK;
}

/* --- opening one --------------------------------------------------------------------------- */

/* KM_EINVAL: no private key of this kind. KM_ENOTFOUND: of another site. */
static km_rc take_private(const char *pem, size_t pem_len, const struct km_bundle *b,
			  struct sealing *s)
{
	BIO *in = BIO_new_mem_buf(pem, (int)pem_len);
	EVP_PKEY *mine PKEY = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, (char[]){ "" }) : NULL;
	uint8_t public[32];
	km_rc rc = mine && EVP_PKEY_get_base_id(mine) == EVP_PKEY_X25519 ? KM_OK : KM_EINVAL;

	BIO_free(in);
	if (!rc)
		rc = public_of(mine, public);
	if (!rc && memcmp(public, b->escrow, sizeof(public)) != 0)
		rc = KM_ENOTFOUND;
	if (!rc)
		rc = agree(mine, b->ephemeral, s);
	return rc ? rc : derive(b, s);
}

/* So many bytes, from the bundle to wherever they may lie. */
static bool open_part(EVP_CIPHER_CTX *ctx, uint8_t **at, void *to, size_t len)
{
	int n = 0;
	bool good = EVP_CipherUpdate(ctx, to, &n, *at, (int)len) && (size_t)n == len;

	*at += len;
	return good;
}

/* The keys go to locked memory; the rows, which are wrapped, stay where they are. */
static km_rc unseal(const struct sealing *s, struct bundle *b)
{
	EVP_CIPHER_CTX *ctx CIPHER = EVP_CIPHER_CTX_new();
	size_t rows = b->len - KM_BUNDLE_HEADER - KM_BUNDLE_KEYS - KM_BUNDLE_TAG;
	uint8_t *at = b->bytes + KM_BUNDLE_HEADER;
	int last = 0;
	bool good = begin(ctx, s, &b->header, 0) == KM_OK &&
		    open_part(ctx, &at, b->keys->master, KM_KEY_BYTES) &&
		    open_part(ctx, &at, b->keys->kek, KM_KEK_BYTES) &&
		    open_part(ctx, &at, at, rows) &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, KM_BUNDLE_TAG, at) &&
		    EVP_CipherFinal_ex(ctx, at, &last);

	b->keys->generation = b->header.generation;
	return good ? KM_OK : KM_ECORRUPT;
}

km_rc bundle_open(uint8_t *bytes, size_t len, const char *pem, size_t pem_len, struct bundle *out)
{
	struct sealing *s SEALING = km_locked_new(sizeof(*s));
	struct bundle b = { .bytes = bytes, .len = len, .keys = copied_keys_new() };
	km_rc rc = s && b.keys ? KM_OK : KM_ENOMEM;

	if (!rc)
		rc = len < KM_BUNDLE_HEADER ? KM_ECORRUPT : km_bundle_unpack(bytes, &b.header);
	if (!rc && (len != km_bundle_total(&b.header) || len > INT32_MAX))
		rc = KM_ECORRUPT;
	if (!rc)
		rc = take_private(pem, pem_len, &b.header, s);
	if (!rc)
		rc = unseal(s, &b);
	if (rc) {
		bundle_close(&b);
		return rc;
	}
	b.subject = bytes + KM_BUNDLE_HEADER + KM_BUNDLE_KEYS;
	b.month = b.subject + (size_t)b.header.subjects * KM_BUNDLE_SUBJECT;
	b.finger = b.month + (size_t)b.header.months * KM_BUNDLE_MONTH;
	*out = b;
	return KM_OK;
}

/* The row of some table that begins with this number; each is in the order of its numbers. */
static const uint8_t *find_row(const uint8_t *rows, size_t count, size_t size, uint64_t number)
{
	size_t from = 0, to = count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		const uint8_t *row = rows + middle * size;
		uint64_t there = keys_get(row, 8);

		if (there == number)
			return row;
		if (there < number)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

const uint8_t *bundle_find_finger(const struct bundle *b, uint64_t credential)
{
	const uint8_t *row = find_row(b->finger, b->header.fingers, KM_BUNDLE_FINGER, credential);

	return row ? row + 8 : NULL;
}

const uint8_t *bundle_find(const struct bundle *b, uint64_t cursor,
			   const uint8_t subject[KM_SUBJECT_BYTES])
{
	const uint8_t *row = find_row(b->subject, b->header.subjects, KM_BUNDLE_SUBJECT, cursor);

	return row && memcmp(row + 8, subject, KM_SUBJECT_BYTES) == 0 ? row + 8 + KM_SUBJECT_BYTES
								      : NULL;
}

void bundle_close(struct bundle *b)
{
	copied_keys_free(&b->keys);
	free(b->bytes);
	*b = (struct bundle){ .keys = NULL };
}
