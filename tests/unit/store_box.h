/* A state folder of its own for each test of keys and store, and short ways to fill it. */
#ifndef KENMON_TESTS_STORE_BOX_H
#define KENMON_TESTS_STORE_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../authd/vault/store_internal.h"
#include "order.h"

#define BOX_WALL 1750000000 /* a day in June 2025 */

struct box {
	char dir[64], kek[80], key[80], other[64]; /* kek: the KEKs' folder; other: one beside it */
	struct km_keys *keys;
	struct km_store *s;
	struct km_now now;
	char why[256];
};

static inline const char *box_path(const struct box *b, const char *name)
{
	static char path[2][400];
	static int turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s",
		       strncmp(name, "kek.", 4) == 0 ? b->kek : b->dir, name);
	return path[turn];
}

static inline km_rc box_try(struct box *b)
{
	km_rc rc = km_keys_open(b->dir, b->key, true, &b->keys);

	if (!rc)
		rc = store_open(b->dir, b->keys, &b->s, b->why, sizeof(b->why));
	if (rc) {
		km_keys_close(b->keys);
		b->keys = NULL;
		return rc;
	}
	store_set_now(b->s, &b->now);
	return KM_OK;
}

static inline void box_shut(struct box *b)
{
	store_close(b->s);
	km_keys_close(b->keys);
	b->s = NULL;
	b->keys = NULL;
}

static inline void box_again(struct box *b)
{
	box_shut(b);
	assert_int_equal(box_try(b), KM_OK);
}

static inline void box_make_folder(struct box *b)
{
	const char *tmp = getenv("TMPDIR");

	memset(b, 0, sizeof(*b));
	(void)snprintf(b->dir, sizeof(b->dir), "%.30s/kenmon-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(b->dir));
	(void)snprintf(b->other, sizeof(b->other), "%.30s/kenmon-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(b->other));
	(void)snprintf(b->key, sizeof(b->key), "%s/master.key", b->dir);
	(void)snprintf(b->kek, sizeof(b->kek), "%s-kek", b->dir);
	assert_int_equal(mkdir(b->kek, 0700), 0);
	b->now.wall = BOX_WALL;
	b->now.boot_ms = 1000;
	memset(b->now.boot_id, 7, sizeof(b->now.boot_id));
}

static inline void box_open(struct box *b)
{
	box_make_folder(b);
	assert_int_equal(box_try(b), KM_OK);
	assert_string_equal(b->why, "");
}

static inline void box_empty(const char *dir)
{
	char path[400];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(path))
			(void)rmdir(path);
	}
	if (d)
		closedir(d);
	(void)rmdir(dir);
}

static inline void box_close(struct box *b)
{
	box_shut(b);
	box_empty(b->dir);
	box_empty(b->kek);
	box_empty(b->other);
}

/* Setup and teardown of a test that begins with an open store. */
static inline int box_setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	box_open(b);
	*state = b;
	return 0;
}

static inline int box_teardown(void **state)
{
	struct box *b = *state;

	box_close(b);
	free(b);
	return 0;
}

/* The same, with a folder and nothing in it. */
static inline int box_setup_folder(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	box_make_folder(b);
	*state = b;
	return 0;
}

/* --- filling ------------------------------------------------------------------ */

static inline struct km_event_record event_of(enum km_event event, const uint8_t *subject)
{
	struct km_event_record r = { .event = event, .actor = "uid:0", .body = "by=test" };

	if (subject)
		memcpy(r.subject, subject, KM_SUBJECT_BYTES);
	return r;
}

static inline void set_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from);
}

static inline km_rc try_add(struct box *b, const char *login, const char *number,
			    struct km_operator *out)
{
	struct km_operator in = { .uid = 1000,
				  .valid_from = KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE };
	struct km_event_record event = event_of(KM_EVENT_OPERATOR_ADDED, NULL);
	struct km_person p = { .name = "Hanako Kenmon", .department = "Insurance" };

	set_text(p.login, sizeof(p.login), login);
	set_text(p.employee_number, sizeof(p.employee_number), number);
	return store_operator_add(b->s, &in, &p, &event, out);
}

static inline struct km_operator add(struct box *b, const char *login, const char *number)
{
	struct km_operator op;

	assert_int_equal(try_add(b, login, number, &op), KM_OK);
	return op;
}

static inline km_rc try_enrol(struct box *b, const struct km_operator *op, const char *seed,
			      uint64_t *id)
{
	struct km_event_record event = event_of(KM_EVENT_ENROLLED, op->subject);
	struct km_credential c = {
		.factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6, .label = "token"
	};
	struct km_secret secret = { 0 };

	memcpy(c.subject, op->subject, sizeof(c.subject));
	assert_int_equal(km_secret_set(&secret, seed, strlen(seed)), KM_OK);
	return store_enrol_otp(b->s, op, &c, &secret, &event, id);
}

static inline uint64_t enrol(struct box *b, const struct km_operator *op, const char *seed)
{
	uint64_t id = 0;

	assert_int_equal(try_enrol(b, op, seed, &id), KM_OK);
	return id;
}

#define BOX_READER "Some reader"

/* Bytes like no other, that the files can be searched for. */
static inline struct km_template template_of(const char *mark, size_t len)
{
	struct km_template t = { .len = (uint16_t)len };

	for (size_t i = 0; i < len; i++)
		t.bytes[i] = (uint8_t)mark[i % strlen(mark)];
	return t;
}

static inline km_rc try_finger(struct box *b, const struct km_operator *op, const char *finger,
			       const struct km_template *t, uint64_t *id)
{
	struct km_event_record event = event_of(KM_EVENT_ENROLLED, op->subject);
	struct km_credential c = { .factor = KM_FACTOR_FINGERPRINT };

	memcpy(c.subject, op->subject, sizeof(c.subject));
	set_text(c.label, sizeof(c.label), finger);
	return store_enrol_finger(b->s, op, &c, BOX_READER, t, &event, id);
}

static inline uint64_t enrol_finger(struct box *b, const struct km_operator *op, const char *finger,
				    const char *mark)
{
	struct km_template t = template_of(mark, 1500);
	uint64_t id = 0;

	assert_int_equal(try_finger(b, op, finger, &t, &id), KM_OK);
	return id;
}

static inline struct km_acceptance acceptance(const struct km_operator *op, uint64_t credential,
					      uint64_t moving, const struct km_event_record *event)
{
	struct km_acceptance a = { .credential = credential,
				   .moving = moving,
				   .bind_uid = -1,
				   .login = true,
				   .event = event };

	memcpy(a.subject, op->subject, sizeof(a.subject));
	return a;
}

static inline km_rc accept_at(struct box *b, const struct km_operator *op, uint64_t credential,
			      uint64_t moving)
{
	struct km_event_record event = event_of(KM_EVENT_LOGIN_ALLOWED, op->subject);
	struct km_acceptance a = acceptance(op, credential, moving, &event);

	return store_accept(b->s, &a);
}

static inline km_rc record(struct box *b, const char *body)
{
	struct km_event_record event = event_of(KM_EVENT_RELOADED, NULL);

	set_text(event.body, sizeof(event.body), body);
	return store_record(b->s, &event);
}

/* --- looking ------------------------------------------------------------------- */

/* Runs SQL behind the store's back, on its own connection. */
static inline void sql(struct box *b, enum store_db_id db, const char *text)
{
	char *error = NULL;

	if (sqlite3_exec(b->s->db[db].handle, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
}

static inline int64_t sql_number(struct box *b, enum store_db_id db, const char *text)
{
	sqlite3_stmt *st = NULL;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(b->s->db[db].handle, text, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static inline struct km_credential credential_of(struct box *b, const struct km_operator *op,
						 uint64_t id)
{
	struct km_credential all[KM_MAX_CREDENTIALS], none = { 0 };
	size_t count = 0;

	assert_int_equal(store_credentials(b->s, op->subject, all, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		if (all[i].id == id)
			return all[i];
	return none;
}

static inline bool in_folder(const char *dir, const void *what, size_t len)
{
	bool found = false;
	struct dirent *e;
	DIR *d = opendir(dir);

	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[400];
		struct stat st;
		int fd;
		char *bytes;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		fd = open(path, O_RDONLY | O_NONBLOCK);
		if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0) {
			bytes = malloc((size_t)st.st_size);
			assert_non_null(bytes);
			assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
			found |= memmem(bytes, (size_t)st.st_size, what, len) != NULL;
			free(bytes);
		}
		if (fd >= 0)
			close(fd);
	}
	closedir(d);
	return found;
}

/* Is this anywhere in any file of ours? */
static inline bool in_any_file(const struct box *b, const void *what, size_t len)
{
	return in_folder(b->dir, what, len) || in_folder(b->kek, what, len);
}

static inline void put_file(const char *path, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static inline size_t get_file(const char *path, void *bytes, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, bytes, cap);
	close(fd);
	assert_true(n >= 0);
	return (size_t)n;
}

static inline bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

#endif
