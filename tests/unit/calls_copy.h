/*
 * A desk that takes a backup or a key bundle away, in the matrices of failing calls. Each test
 * includes this once.
 */
#ifndef KENMON_TESTS_CALLS_COPY_H
#define KENMON_TESTS_CALLS_COPY_H

#include <openssl/evp.h>

#include "../../authd/vault/copy.h"
#include "../../authd/vault/sign.h"
#include "../../authd/vault/store_internal.h"
#include "calls_office.h"

#define ROUNDS 400

static struct {
	uint8_t *bytes;
	size_t len;
} got;

static EVP_PKEY *escrow; /* made once */

static inline void furnish(struct world *w)
{
	size_t len = 32;

	if (!escrow)
		escrow = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	assert_non_null(escrow);
	w->v->state_dir = w->state;
	w->v->key_path = w->key;
	w->v->ballast_ms = INT64_MAX; /* it has a test of its own */
	w->v->conf.backup_escrow_key.set = true;
	assert_int_equal(
	    EVP_PKEY_get_raw_public_key(escrow, w->v->conf.backup_escrow_key.bytes, &len), 1);
}

static inline void prepare_copy(struct world *w)
{
	furnish(w);
	prepare(w);
}

/* --- the desk's part -------------------------------------------------------------------- */

static inline void keep(const struct msg_copy_chunk *m)
{
	uint8_t *more = realloc(got.bytes, got.len + m->bytes.len);

	assert_non_null(more);
	assert_int_equal(m->at, got.len);
	got.bytes = more;
	memcpy(got.bytes + got.len, m->bytes.bytes, m->bytes.len);
	got.len += m->bytes.len;
}

/* One operation, for as many rounds as it takes. */
static inline void one_piece(struct world *w)
{
	uint8_t frame[KM_FRAME_MAX];
	struct km_msg m;
	size_t len;

	memset(&office, 0, sizeof office);
	if (w->desk < 0 || km_send_msg(w->desk, &asked, -1, 0) != KM_OK)
		return;
	for (unsigned n = 0; n < ROUNDS && !office.done && !w->v->stop; n++) {
		km_rc rc = km_recv(w->desk, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT);

		if (rc == KM_EAGAIN) {
			world_round(w);
			continue;
		}
		if (rc != KM_OK)
			return;
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_DESK_TALK, &m),
				 KM_OK);
		if (m.number == KM_MSG_COPY_CHUNK)
			keep(&m.copy_chunk);
		if (m.number == KM_MSG_DONE) {
			office.done = true;
			office.rc = (km_rc) - (int)m.done.rc;
		}
	}
}

/* Each piece is an operation of its own: one that is sent again would get the first result. */
static inline void new_piece(enum km_message_number act, bool again)
{
	static uint64_t count;

	new_operation(act);
	count++;
	memcpy(asked.status.op, &count, sizeof count);
	asked.backup.again = again; /* the same place in both */
}

static inline void fetch(struct world *w, enum km_message_number act)
{
	free(got.bytes);
	memset(&got, 0, sizeof got);
	for (unsigned n = 0; n < 100 && (n == 0 || (office.done && office.rc == KM_EAGAIN)); n++) {
		new_piece(act, n > 0);
		one_piece(w);
	}
}
_Static_assert(offsetof(struct msg_backup, again) == offsetof(struct msg_bundle, again),
	       "so it is");

static inline void fetch_backup(struct world *w)
{
	fetch(w, KM_MSG_BACKUP);
}

static inline void fetch_bundle(struct world *w)
{
	fetch(w, KM_MSG_BUNDLE);
}

#endif
