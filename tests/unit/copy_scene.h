/*
 * A vault that is backed up, and the desk's part of it. Each test includes this once.
 */
#ifndef KENMON_TESTS_COPY_SCENE_H
#define KENMON_TESTS_COPY_SCENE_H

#include "vault_room.h"

#include <openssl/evp.h>
#include <sqlite3.h>

#include "../../authd/vault/copy.h"
#include "../../authd/vault/store_internal.h"

#define CANARY_NAME "Canary Hanako"
#define CANARY_SEED "canary-seed-20-bytes"

static struct received {
	uint8_t *bytes;
	size_t len;
	unsigned progress;
} got;

static inline int begin(void **state)
{
	if (open_room(state))
		return -1;
	room.v->state_dir = room.state;
	room.v->key_path = room.key;
	memset(&got, 0, sizeof(got));
	return 0;
}

static inline int end(void **state)
{
	free(got.bytes);
	return close_room(state);
}

#define BACKED_UP(test) cmocka_unit_test_setup_teardown(test, begin, end)

static inline struct km_operator add_operator(const char *login)
{
	struct km_operator in = { .uid = -1,
				  .valid_from = KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE },
			   op;
	struct km_credential c = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_person who = { .name = CANARY_NAME, .department = "Canary Department" };
	struct km_secret seed = { 0 };
	struct km_event_record r;
	uint64_t id;

	snprintf(who.login, sizeof(who.login), "%s", login);
	snprintf(who.employee_number, sizeof(who.employee_number), "N-%s", login);
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "test");
	assert_int_equal(store_operator_add(room.v->store, &in, &who, &r, &op), KM_OK);
	memcpy(c.subject, op.subject, sizeof(c.subject));
	assert_int_equal(km_secret_set(&seed, CANARY_SEED, strlen(CANARY_SEED)), KM_OK);
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	assert_int_equal(store_enrol_otp(room.v->store, &op, &c, &seed, &r, &id), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	return op;
}

/* --- the desk's part ------------------------------------------------------------------- */

static inline void keep(const struct msg_copy_chunk *m)
{
	assert_int_equal(m->at, got.len);
	got.bytes = realloc(got.bytes, got.len + m->bytes.len);
	assert_non_null(got.bytes);
	memcpy(got.bytes + got.len, m->bytes.bytes, m->bytes.len);
	got.len += m->bytes.len;
}

/* One operation to its DONE. */
static inline km_rc one_piece(int line, unsigned act, bool again, char why[513])
{
	struct km_msg m = { .number = (uint8_t)act };

	if (act == KM_MSG_BACKUP)
		m.backup.again = again, m.backup.full = 1;
	else
		m.bundle.again = again;
	memset(m.status.op, ++room.op, sizeof(m.status.op));
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	for (unsigned rounds = 0; rounds < 5000; rounds++) {
		km_rc rc;

		vault_round(room.v, 0);
		while ((rc = hear(line, KM_PHASE_DESK_TALK, &m, NULL)) == KM_OK) {
			if (m.number == KM_MSG_COPY_CHUNK)
				keep(&m.copy_chunk);
			else if (m.number == KM_MSG_PROGRESS)
				got.progress++;
			if (m.number == KM_MSG_DONE) {
				snprintf(why, 513, "%s", m.done.text);
				return km_rc_from_wire(m.done.rc);
			}
		}
		if (rc == KM_ECLOSED)
			return rc;
	}
	fail_msg("the vault never came to an end");
	return KM_EIO;
}

static inline km_rc fetch(unsigned act)
{
	int line = desk_comes();
	char why[513];
	km_rc rc = one_piece(line, act, false, why);

	while (rc == KM_EAGAIN)
		rc = one_piece(line, act, true, why);
	close(line);
	vault_round(room.v, 0);
	return rc;
}

static inline bool holds(const void *bytes, size_t len)
{
	return memmem(got.bytes, got.len, bytes, len) != NULL;
}

/* The i-th database of the copy, as a file. */
static inline void write_part(const struct km_copy *c, unsigned i, const char *path)
{
	const uint8_t *at = got.bytes + KM_COPY_HEADER + (i ? c->size[0] : 0);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, at, c->size[i]), (ssize_t)c->size[i]);
	close(fd);
}

static inline int64_t ask(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int64_t value;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return value;
}

#endif
