/*
 * Anchors: places in the audit chain, signed by the vault, kept where the vault
 * cannot write. The judge writes one line each; a copy of the lines, kept on
 * another machine, shows what was cut off, put back or rewritten here, even to
 * somebody who trusts neither the vault nor its keys.
 *
 * A line, fields separated by one blank: chain (32 hex digits), record, its hash
 * (64), wall seconds of the record, generation of the signer, its public key
 * (64), signature (128).
 */
#ifndef KENMON_ANCHOR_H
#define KENMON_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <kenmon/rc.h>

#define KM_PUBLIC_BYTES    32 /* Ed25519, RFC 8032 */
#define KM_SIGNATURE_BYTES 64
#define KM_ANCHOR_LINE     352 /* 32 + 20 + 64 + 20 + 10 + 64 + 128, six blanks, NUL: 345 */

struct km_anchor {
	uint8_t chain[16];
	uint64_t seq; /* of the record; 0: none */
	uint8_t hash[32];
	int64_t wall;
	uint32_t generation; /* 0: not signed; then public and signature are zeros */
	uint8_t public[KM_PUBLIC_BYTES];
	uint8_t signature[KM_SIGNATURE_BYTES];
};

/* Messages that carry an anchor have its fields under the same names. */
#define KM_ANCHOR_COPY(to, from)                                                                   \
	do {                                                                                       \
		memcpy((to)->chain, (from)->chain, sizeof((to)->chain));                           \
		(to)->seq = (from)->seq;                                                           \
		memcpy((to)->hash, (from)->hash, sizeof((to)->hash));                              \
		(to)->wall = (from)->wall;                                                         \
		(to)->generation = (from)->generation;                                             \
		memcpy((to)->public, (from)->public, sizeof((to)->public));                        \
		memcpy((to)->signature, (from)->signature, sizeof((to)->signature));               \
	} while (0)

/* Is it the same record of the same chain? */
bool km_anchor_same(const struct km_anchor *a, const struct km_anchor *b);

/* One line, without a newline. */
void km_anchor_format(const struct km_anchor *a, char out[KM_ANCHOR_LINE]);

/* The other way. KM_EPROTO: not whole, or not of this form. */
KM_MUST_CHECK km_rc km_anchor_parse(const char *line, struct km_anchor *out);

#endif
