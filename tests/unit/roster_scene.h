/* Rosters for a vault on a folder of its own: rows, handing them in, and what comes of it. */
#ifndef KENMON_TESTS_ROSTER_SCENE_H
#define KENMON_TESTS_ROSTER_SCENE_H

#include "vault_room.h"

#include "../../authd/vault/keys_internal.h"
#include "../../authd/vault/store_internal.h"

#define ANY_ERASURES (-1)
#define TODAY        (room.v->now.today)
#define DAY          86400

/* One row of a roster; what is not said is as in most rows. */
struct person {
	const char *number, *login, *name, *department, *role, *mobile, *landline;
	enum km_roster_status status;
	int64_t from, until; /* 0: none */
};

struct paper {
	uint8_t bytes[400 * 1024];
	size_t len;
	uint32_t rows;
	bool part;      /* of the staff: who is not in it is not missing */
	uint8_t digest; /* all its bytes are this */
	int64_t made;   /* 0: now */
	uint8_t signature[64];
	bool is_signed;
	struct msg_roster_sum sum; /* of the last END */
	char text[513];            /* of its DONE */
	uint64_t id;
};

static inline void put_text(struct paper *p, const char *text, const char *otherwise)
{
	size_t len;

	if (!text)
		text = otherwise;
	len = strlen(text);
	assert_true(p->len + len + 2 < sizeof(p->bytes));
	keys_put(p->bytes + p->len, len, 2);
	memcpy(p->bytes + p->len + 2, text, len);
	p->len += len + 2;
}

static inline void put_person_at(struct paper *p, uint32_t line, const struct person *who)
{
	uint8_t *at = keys_put(p->bytes + p->len, line, 4);

	at = keys_put(at, who->status ? who->status : KM_ROSTER_ACTIVE, 1);
	at = keys_put(at, (uint64_t)(who->from ? who->from : KM_DAY_NONE), 8);
	keys_put(at, (uint64_t)(who->until ? who->until : KM_DAY_NONE), 8);
	p->len += 21;
	put_text(p, who->number, "");
	put_text(p, who->login, who->number);
	put_text(p, who->name, "Some Body");
	put_text(p, who->department, "Taxes");
	put_text(p, who->role, "");
	put_text(p, who->mobile, "");
	put_text(p, who->landline, "");
	p->rows++;
}

static inline void put_person(struct paper *p, struct person who)
{
	put_person_at(p, p->rows + 2, &who); /* the first line has the headers */
}

/* N of them, from n0001 on. */
static inline void put_staff(struct paper *p, unsigned count)
{
	for (unsigned i = 1; i <= count; i++) {
		char number[16];

		snprintf(number, sizeof(number), "n%04u", i);
		put_person(p, (struct person){ .number = number });
	}
}

static inline struct paper *paper(uint8_t digest)
{
	static struct paper one;

	memset(&one, 0, sizeof(one));
	one.digest = digest;
	return &one;
}

/* Of one person; who else there is, is not missing. More may be put into it. */
static inline struct paper *paper_about(uint8_t digest, struct person who)
{
	struct paper *p = paper(digest);

	p->part = true;
	put_person(p, who);
	return p;
}

/* As desk_asks(), for frames of any length and more operations than a byte can count. */
static inline void asks(int line, struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	static uint32_t number;
	size_t len;

	memset(m->status.op, 0, sizeof(m->status.op));
	keys_put(m->status.op, ++number, 4);
	assert_int_equal(km_encode(m, frame, sizeof(frame), &len), KM_OK);
	assert_int_equal(km_send(line, frame, len, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, m, NULL), KM_OK);
}

static inline struct msg_done does(int line, struct km_msg m)
{
	asks(line, &m);
	while (m.number != KM_MSG_DONE)
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	return m.done;
}

static inline struct km_msg begin_message(const struct paper *p)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_BEGIN };
	struct msg_roster_begin *b = &m.roster_begin;

	memset(b->digest, p->digest, sizeof(b->digest));
	b->made = p->made ? p->made : room.v->now.wall;
	b->rows = p->rows;
	b->full = !p->part;
	b->columns = KM_CHANGE_ALL;
	b->sign = p->is_signed;
	memcpy(b->signature, p->signature, sizeof(b->signature));
	return m;
}

static inline struct msg_done begins(int line, const struct paper *p)
{
	return does(line, begin_message(p));
}

static inline struct msg_done hands_in(int line, const uint8_t *rows, size_t len)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_SLICE };

	m.roster_slice.rows = (struct km_span){ rows, (uint16_t)len };
	return does(line, m);
}

/* The length of the rows from at on that fit a slice. */
static inline size_t slice_of(const uint8_t *at, size_t left)
{
	size_t taken = 0;

	while (taken < left) {
		size_t row = 21;

		for (unsigned i = 0; i < 7; i++)
			row += 2 + (size_t)keys_get(at + taken + row, 2);
		if (taken + row > 30000)
			break;
		taken += row;
	}
	return taken;
}

static inline void hands_in_all(int line, const struct paper *p)
{
	for (size_t at = 0; at < p->len;) {
		size_t len = slice_of(p->bytes + at, p->len - at);

		assert_int_equal(hands_in(line, p->bytes + at, len).rc, 0);
		at += len;
	}
}

/* Sends END; rows before its DONE are kept. */
static inline km_rc ends(int line, struct paper *p, bool apply, int64_t erasures)
{
	struct km_msg m = { .number = KM_MSG_ROSTER_END };

	m.roster_end.apply = apply;
	m.roster_end.erasures = erasures;
	memset(&p->sum, 0, sizeof(p->sum));
	asks(line, &m);
	while (m.number != KM_MSG_DONE) {
		if (m.number == KM_MSG_ROSTER_SUM)
			p->sum = m.roster_sum;
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	snprintf(p->text, sizeof(p->text), "%s", m.done.text);
	p->id = m.done.id;
	return km_rc_from_wire(m.done.rc);
}

/* A whole roster: what END says. */
static inline km_rc roster(struct paper *p, bool apply, int64_t erasures)
{
	int line = desk_comes();
	km_rc rc;

	assert_int_equal(begins(line, p).rc, 0);
	hands_in_all(line, p);
	rc = ends(line, p, apply, erasures);
	close(line);
	return rc;
}

/* So many rounds in which no login is waited for. */
static inline void rounds(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		room.v->pacing.served_ms = 0;
		vault_round(room.v, 0);
	}
}

static inline void work_off(void)
{
	room.v->feed.again_ms = 0;
	for (unsigned i = 0; i < 4000 && (room.v->feed.working || i < 3); i++)
		rounds(1);
	assert_int_equal(room.v->feed.working, 0);
}

/* Taken, and not worked at before work_off(), however long the machine takes over what is between.
 */
static inline void accepts(struct paper *p)
{
	room.v->feed.again_ms = INT64_MAX;
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	assert_true(room.v->feed.working != 0);
}

/* Taken and worked off. */
static inline void applies(struct paper *p)
{
	assert_int_equal(roster(p, true, ANY_ERASURES), KM_OK);
	work_off();
}

/* Eight who are always there, so that one more or less is no brake. */
static inline void staff_of(unsigned count)
{
	struct paper *p = paper(1);

	p->made = 1000;
	put_staff(p, count);
	applies(p);
}

/* --- time ------------------------------------------------------------------------------------- */

static inline void work(void)
{
	struct vault *v = room.v;
	bool more = true;

	v->due.look_ms = v->feed.again_ms = 0;
	v->pacing.served_ms = 0;
	for (unsigned i = 0; i < 4000 && (more || v->erasing); i++) {
		more = feed_work(v);
		more |= due_work(v);
		erase_work(v);
	}
	assert_int_equal(store_flush(v->store), KM_OK);
}

/* So many days later, and what the vault does by itself then. The clock stays there. */
static inline void later(int64_t days)
{
	struct vault *v = room.v;

	v->now.today += days;
	v->now.wall += days * DAY;
	v->now.boot_ms += days * DAY * 1000;
	store_set_now(v->store, &v->now);
	work();
}

/* --- looking ------------------------------------------------------------------------------- */

static inline struct km_operator operator_of(const char *login)
{
	struct km_operator op = { .cursor = 0 };
	km_rc rc = store_operator_by_login(room.v->store, login, &op);

	assert_true(rc == KM_OK || rc == KM_ENOTFOUND);
	return op;
}

static inline struct km_person person_of(const char *login)
{
	struct km_operator op = operator_of(login);
	struct km_person who;

	assert_int_equal(store_person(room.v->store, &op, &who), KM_OK);
	return who;
}

static inline struct km_due_row due_for(const char *login, enum km_due what)
{
	struct km_operator op = operator_of(login);
	struct km_due_row due = { .id = 0 };

	assert_true(op.cursor > 0);
	assert_int_equal(due_of(room.v, op.subject, what, &due), KM_OK);
	return due;
}

static inline int64_t number_from(enum store_db_id db, const char *text)
{
	sqlite3_stmt *st = NULL;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(room.v->store->db[db].handle, text, -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static inline int64_t rows_in(const char *table)
{
	char text[64];

	snprintf(text, sizeof(text), "SELECT count(*) FROM %s", table);
	return number_from(DB_VAULT, text);
}

static inline int64_t recorded(enum km_event event)
{
	char text[80];

	snprintf(text, sizeof(text), "SELECT count(*) FROM audit WHERE event = %d", event);
	return number_from(DB_VAULT, text);
}

/* Do these bytes lie in any file of the vault's? */
static inline bool file_has(const char *path, const void *what, size_t len)
{
	static uint8_t bytes[1 << 22];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd >= 0 ? read(fd, bytes, sizeof(bytes)) : -1;

	if (fd >= 0)
		close(fd);
	assert_true(n < (ssize_t)sizeof(bytes));
	return n > 0 && memmem(bytes, (size_t)n, what, len);
}

static inline bool folder_has(const void *what, size_t len)
{
	char path[400];
	struct dirent *e;
	bool found = false;
	DIR *d = opendir(room.state);

	assert_non_null(d);
	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "%.100s/%.200s", room.state, e->d_name);
		found |= file_has(path, what, len);
	}
	closedir(d);
	return found;
}

static inline uint64_t everybody(void)
{
	struct km_counts n;

	assert_int_equal(store_counts(room.v->store, &n), KM_OK);
	return n.operators;
}

#endif
