/*
 * Files that leave the machine: a copy of both databases without a key in it, the
 * pages in which a later one differs, and the bundle of keys. docs/BACKUP.md is
 * the page about them. Numbers are big-endian. No crypto here: who makes and who reads them
 * has its own.
 *
 *   copy         header (KM_COPY_HEADER) ‖ vault.db ‖ identity.db
 *   difference   "kenmonD1" ‖ digest of the full copy (32) ‖ the later copy's header ‖
 *                count (4) ‖ count times: file (1), page (4), its 4 KiB
 *   bundle       header (KM_BUNDLE_HEADER) ‖ sealed payload ‖ tag (16)
 *
 * A copy's digest is SHA-256 of its header, which holds the digests of its files.
 */
#ifndef KENMON_COPY_H
#define KENMON_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/anchor.h>
#include <kenmon/rc.h>

#define KM_COPY_MAGIC       "kenmonB1"
#define KM_DIFF_MAGIC       "kenmonD1"
#define KM_BUNDLE_MAGIC     "kenmonE1"
#define KM_COPY_MAGIC_BYTES 8

#define KM_COPY_PAGE   4096 /* of the databases, and of a difference */
#define KM_COPY_DIGEST 32
#define KM_COPY_MOST                                                                               \
	((uint64_t)1 << 36) /* bytes of one database: what is larger is none of ours               \
			     */
enum km_copy_file { KM_COPY_VAULT, KM_COPY_IDENTITY, KM_COPY_FILES };

/* --- a copy --------------------------------------------------------------------- */

struct km_copy {
	uint8_t chain[16];
	uint64_t seq; /* the last record of the trail in it */
	uint8_t hash[32];
	int64_t wall;   /* of that record */
	uint32_t epoch; /* generation of the KEK when it was made */
	uint64_t size[KM_COPY_FILES];
	uint8_t digest[KM_COPY_FILES][KM_COPY_DIGEST]; /* SHA-256 */
	uint32_t generation;                           /* of the signer */
	uint8_t public[KM_PUBLIC_BYTES];
	uint8_t signature[KM_SIGNATURE_BYTES]; /* of KM_COPY_LABEL, its zero, and all before it */
};

#define KM_COPY_LABEL "kenmon backup 1"
#define KM_COPY_SIGNED                                                                             \
	(KM_COPY_MAGIC_BYTES + 16 + 8 + 32 + 8 + 4 + 2 * (8 + 32) + 4 + KM_PUBLIC_BYTES)
#define KM_COPY_HEADER  (KM_COPY_SIGNED + KM_SIGNATURE_BYTES)
#define KM_COPY_MESSAGE (sizeof(KM_COPY_LABEL) + KM_COPY_SIGNED)

void km_copy_pack(const struct km_copy *c, uint8_t out[KM_COPY_HEADER]);
/* KM_ECORRUPT: no header of ours. The signature is the caller's to look at. */
KM_MUST_CHECK km_rc km_copy_unpack(const uint8_t bytes[KM_COPY_HEADER], struct km_copy *out);
/* What is signed. */
void km_copy_message(const struct km_copy *c, uint8_t out[KM_COPY_MESSAGE]);
/* Bytes of the whole copy. */
uint64_t km_copy_total(const struct km_copy *c);

/* --- a difference ------------------------------------------------------------------ */

#define KM_DIFF_HEADER (KM_COPY_MAGIC_BYTES + KM_COPY_DIGEST + KM_COPY_HEADER + 4)
#define KM_DIFF_ENTRY  (1 + 4)

struct km_diff {
	uint8_t full[KM_COPY_DIGEST];
	struct km_copy copy;
	uint32_t count;
};

void km_diff_pack(const struct km_diff *d, uint8_t out[KM_DIFF_HEADER]);
KM_MUST_CHECK km_rc km_diff_unpack(const uint8_t bytes[KM_DIFF_HEADER], struct km_diff *out);

/* --- a bundle ---------------------------------------------------------------------- */

/*
 * Sealed with AES-256-GCM, bound to the whole header, under the first 32 bytes, with the next 12 as
 * nonce, of HKDF-SHA256(X25519(ephemeral, escrow); salt ephemeral ‖ escrow; "kenmon bundle 1").
 * Payload: master key (32) ‖ KEK (64) ‖ each subject ‖ each month ‖ each finger.
 */
struct km_bundle {
	uint8_t chain[16];
	uint32_t generation; /* of the KEK that is in it */
	int64_t wall;        /* when it was made */
	uint64_t seq;        /* the last record of the trail then */
	uint64_t upto;       /* the largest operator.cursor that was ever given */
	uint32_t subjects, months, fingers;
	uint8_t ephemeral[32], escrow[32]; /* public keys */
};

#define KM_BUNDLE_HEADER  (KM_COPY_MAGIC_BYTES + 16 + 4 + 8 + 8 + 8 + 4 + 4 + 4 + 32 + 32)
#define KM_BUNDLE_INFO    "kenmon bundle 1"
#define KM_BUNDLE_KEYS    (32 + 64)
#define KM_BUNDLE_SUBJECT (8 + 16 + 48) /* cursor, subject, wrapped */
#define KM_BUNDLE_MONTH   (8 + 8 + 48)  /* month, used, wrapped */
#define KM_BUNDLE_FINGER  (8 + 48)      /* credential, wrapped */
#define KM_BUNDLE_TAG     16
#define KM_BUNDLE_MOST    4000000 /* subjects, months, and fingers */

void km_bundle_pack(const struct km_bundle *b, uint8_t out[KM_BUNDLE_HEADER]);
KM_MUST_CHECK km_rc km_bundle_unpack(const uint8_t bytes[KM_BUNDLE_HEADER], struct km_bundle *out);
size_t km_bundle_total(const struct km_bundle *b);

#endif
