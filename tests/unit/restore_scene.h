/*
 * A vault with people in it, what is taken away of it, and the folder that is made of that. Each
 * test includes this once.
 */
#ifndef KENMON_TESTS_RESTORE_SCENE_H
#define KENMON_TESTS_RESTORE_SCENE_H

#include "copy_scene.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <kenmon/erased.h>
#include <kenmon/people.h>
#include <kenmon/store_epoch.h>

#include "order.h"

static struct places {
	char copy[80], bundle[80], escrow[80], other[80], state[80], kek[80];
} at;

static uint8_t escrow_public[32];

/* --- files ------------------------------------------------------------------------------ */

static inline void write_file(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

static inline void escrow_key(const char *path, uint8_t public[32])
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	FILE *f = fopen(path, "we");
	size_t len = 32;

	assert_non_null(key);
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	if (public)
		assert_int_equal(EVP_PKEY_get_raw_public_key(key, public, &len), 1);
	EVP_PKEY_free(key);
}

static inline int open_places(void **state)
{
	if (begin(state))
		return -1;
	snprintf(at.copy, sizeof(at.copy), "%s/copy", room.dir);
	snprintf(at.bundle, sizeof(at.bundle), "%s/bundle", room.dir);
	snprintf(at.escrow, sizeof(at.escrow), "%s/escrow.pem", room.dir);
	snprintf(at.other, sizeof(at.other), "%s/other.pem", room.dir);
	snprintf(at.state, sizeof(at.state), "%s/new", room.dir);
	snprintf(at.kek, sizeof(at.kek), "%s/new-kek", room.dir);
	escrow_key(at.escrow, escrow_public);
	room.v->conf.backup_escrow_key.set = true;
	memcpy(room.v->conf.backup_escrow_key.bytes, escrow_public, 32);
	return 0;
}

#define RESTORED(test) cmocka_unit_test_setup_teardown(test, open_places, end)

static inline void take(unsigned act, const char *path)
{
	free(got.bytes);
	memset(&got, 0, sizeof(got));
	assert_int_equal(fetch(act), KM_OK);
	write_file(path, got.bytes, got.len);
}

/* --- restoring --------------------------------------------------------------------------- */

static inline int prepare_with(const char *key, const char *escrow)
{
	const struct restore r = { at.copy, at.bundle, escrow, at.state, at.kek, key };
	struct restoring *in = NULL;
	int code = restore_prepare(&r, &in);

	if (code != 0)
		return code;
	/* As the walls' making of the folders does. */
	(void)mkdir(at.state, 0700);
	(void)mkdir(at.kek, 0700);
	code = restore_carry_out(&r, in);
	restore_end(in);
	return code;
}

static inline int restore_now(void)
{
	return prepare_with(NULL, at.escrow);
}

static struct restored_store {
	struct km_keys *keys;
	struct km_store *s;
	struct km_now now;
} new;

static inline void open_restored(void)
{
	char key[128];

	snprintf(key, sizeof(key), "%s/master.key", at.state);
	assert_int_equal(km_keys_open(at.state, key, false, &new.keys), KM_OK);
	assert_int_equal(store_open(at.state, new.keys, &new.s, NULL, 0), KM_OK);
	assert_int_equal(km_clock_read(&new.now), KM_OK);
	store_set_now(new.s, &new.now);
}

/* What is there now, by way of a copy and a bundle of this moment. */
static inline void come_back(void)
{
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
}

static inline void close_restored(void)
{
	store_close(new.s);
	km_keys_close(new.keys);
}

static inline bool nothing_there(void)
{
	struct stat st;

	return stat(at.state, &st) < 0 && stat(at.kek, &st) < 0;
}

/* --- who there is -------------------------------------------------------------------------- */

static inline struct km_operator operator_now(struct km_store *s, const char *login)
{
	struct km_operator op;

	assert_int_equal(store_operator_by_login(s, login, &op), KM_OK);
	return op;
}

static inline uint64_t enrol_totp(const struct km_operator *op)
{
	struct km_credential c = {
		.factor = KM_FACTOR_TOTP, .algorithm = KM_SHA1, .digits = 6, .period = 30
	};
	struct km_secret seed = { 0 };
	struct km_event_record r;
	uint64_t id;

	memcpy(c.subject, op->subject, sizeof(c.subject));
	assert_int_equal(km_secret_set(&seed, CANARY_SEED, strlen(CANARY_SEED)), KM_OK);
	event_make(&r, KM_EVENT_ENROLLED, op->subject, "test");
	assert_int_equal(store_enrol_otp(room.v->store, op, &c, &seed, &r, &id), KM_OK);
	return id;
}

static inline void enrol_codes(const struct km_operator *op)
{
	struct km_secret codes = { .len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH };
	struct km_event_record r;
	uint64_t id;

	memset(codes.bytes, 'B', codes.len);
	for (unsigned i = 0; i < KM_RECOVERY_CODES; i++)
		codes.bytes[i * KM_RECOVERY_LENGTH] = (uint8_t)('C' + i);
	event_make(&r, KM_EVENT_ENROLLED, op->subject, "test");
	assert_int_equal(store_enrol_recovery(room.v->store, op, &codes, false, &r, &id), KM_OK);
}

static inline void enrol_touch(const struct km_operator *op)
{
	static struct km_template t = { .len = 200 };
	struct km_credential c = { .factor = KM_FACTOR_FINGERPRINT, .label = "right-index" };
	struct km_event_record r;
	uint64_t id;

	memcpy(c.subject, op->subject, sizeof(c.subject));
	memset(t.bytes, 0x42, t.len);
	event_make(&r, KM_EVENT_ENROLLED, op->subject, "test");
	assert_int_equal(store_enrol_finger(room.v->store, op, &c, "reader", &t, &r, &id), KM_OK);
}

/* alice and bob with every kind of factor. */
static inline void furnish(void)
{
	const char *const logins[] = { "alice", "bob" };

	for (size_t i = 0; i < 2; i++) {
		struct km_operator op = add_operator(logins[i]);

		enrol_totp(&op);
		enrol_codes(&op);
		enrol_touch(&op);
	}
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static inline void erase(const char *login)
{
	struct km_operator op = operator_now(room.v->store, login);
	struct km_event_record r;

	event_make(&r, KM_EVENT_ERASE_BEGUN, op.subject, "test");
	assert_int_equal(store_erase_begin(room.v->store, op.subject, &by_hand, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	room.v->erasing = true;
	vault_round(room.v, 0);
	assert_int_equal(store_operator_by_login(room.v->store, login, &op), KM_ENOTFOUND);
}

static inline void close_epoch(void)
{
	uint32_t before = km_keys_generation(room.v->keys);
	struct km_event_record r;

	event_make(&r, KM_EVENT_EPOCH_ASKED, NULL, "test");
	assert_int_equal(store_epoch_ask(room.v->store, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	epoch_look(room.v);
	for (unsigned i = 0; i < 20; i++)
		vault_round(room.v, 0);
	assert_int_equal(room.v->epoch.at.generation, before + 1);
	assert_int_equal(km_keys_older(room.v->keys), 0);
}

/* --- the living ------------------------------------------------------------------------------- */

static inline size_t factors_of(const char *login, struct km_credential list[KM_MAX_CREDENTIALS])
{
	struct km_operator op = operator_now(new.s, login);
	size_t count;

	assert_int_equal(store_credentials(new.s, op.subject, list, &count), KM_OK);
	return count;
}

static inline void must_live(const char *login)
{
	struct km_operator op = operator_now(new.s, login);
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_person who;
	struct km_secret seed = { 0 };
	static struct km_template t;

	assert_int_equal(op.state, KM_ACTIVE);
	assert_int_equal(store_person(new.s, &op, &who), KM_OK);
	assert_string_equal(who.name, CANARY_NAME);
	assert_int_equal(factors_of(login, list), 2);
	assert_int_equal(list[0].factor, KM_FACTOR_TOTP);
	assert_int_equal(store_seed(new.s, &op, &list[0], &seed), KM_OK);
	assert_memory_equal(seed.bytes, CANARY_SEED, strlen(CANARY_SEED));
	assert_int_equal(list[1].factor, KM_FACTOR_FINGERPRINT);
	assert_int_equal(store_template(new.s, &op, &list[1], &t), KM_OK);
}

/* What the start after a restore does. */
static inline void finish_erasures(void)
{
	struct km_erasing who;
	struct km_event_record r;
	size_t count = 0;

	while (store_erasing(new.s, 0, 1, &who, &count) == KM_OK && count > 0) {
		event_make(&r, KM_EVENT_ERASED, who.subject, "vault");
		assert_int_equal(store_erase_rows(new.s, who.subject), KM_OK);
		assert_int_equal(store_erase_finish(new.s, who.subject, &r), KM_OK);
		assert_int_equal(store_flush(new.s), KM_OK);
	}
}

#endif
