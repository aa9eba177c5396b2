/* A house for the system tests: administration without the command line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../enroll/line.h"
#include "../../enroll/secret_input.h"
#include "house_office.h"

static struct {
	bool open;
	char socket[HOUSE_PATH];
	struct desk desk;
} office;

/* Rows of one operation, as far as somebody looks at them. */
struct rows {
	void (*take)(void *arg, const struct km_msg *m);
	void *arg;
};

bool office_house(struct house *h, const char *more)
{
	static char config[4096];
	const struct house_setup setup = { .config = config };

	office_close();
	snprintf(config, sizeof(config), "[service one]\ntries = 1\n[audit]\nrefusals = 1000\n%s",
		 more ? more : "");
	return house_start(h, &setup) &&
	       house_stack(
		   h, "one",
		   "auth required KENMON\naccount required KENMON\nsession required KENMON\n");
}

int office_setup(void **state)
{
	struct house *h = calloc(1, sizeof(*h));

	*state = h;
	return h && office_house(h, NULL) ? 0 : -1;
}

int office_teardown(void **state)
{
	office_close();
	if (*state)
		house_end(*state);
	free(*state);
	return 0;
}

int office_talk(const struct house *h, struct house_login *l, const char *service,
		const char *login, const char *const answers[])
{
	*l = (struct house_login){ .service = service, .user = login, .answers = answers };
	return house_login(h, l);
}

int office_try(const struct house *h, const char *login, const char *code)
{
	const char *const answers[] = { code, NULL };
	struct house_login *l = calloc(1, sizeof(*l));
	int rc = l ? office_talk(h, l, "one", login, answers) : -1;

	free(l);
	return rc;
}

void office_close(void)
{
	if (office.open)
		desk_close(&office.desk);
	office.open = false;
}

static struct desk *desk_of(const struct house *h)
{
	if (office.open && strcmp(office.socket, h->socket) != 0)
		office_close();
	if (!office.open) {
		desk_init(&office.desk);
		snprintf(office.socket, sizeof(office.socket), "%s", h->socket);
		office.desk.socket = office.socket;
		office.desk.daemon_uid = h->vault_uid;
		office.open = true;
	}
	return &office.desk;
}

static km_rc take(struct desk *d, void *arg, const struct km_msg *m)
{
	struct rows *r = arg;

	(void)d;
	if (r && r->take)
		r->take(r->arg, m);
	return KM_OK;
}

static km_rc operate(const struct house *h, struct km_msg *m, struct rows *rows,
		     struct msg_done *done)
{
	struct desk_operation o = { .request = m, .row = take, .arg = rows };
	struct desk *d = desk_of(h);
	km_rc rc = desk_operate(d, &o);

	if (rc != KM_OK && getenv("OFFICE_VERBOSE"))
		fprintf(stderr, "office: %s: %s\n", km_rc_name(rc), d->why);
	if (done)
		*done = o.done;
	return rc;
}

km_rc office_do(const struct house *h, struct km_msg *m, struct msg_done *done)
{
	return operate(h, m, NULL, done);
}

km_rc office_do_as(const struct house *h, struct km_msg *m, const uint8_t op[16],
		   struct msg_done *done)
{
	struct desk *d = desk_of(h);
	uint8_t frame[KM_FRAME_MAX];
	struct km_msg answer = { 0 };
	size_t len;
	km_rc rc = d->line >= 0 ? KM_OK : desk_open(d);

	memcpy(m->status.op, op, sizeof(m->status.op));
	if (rc == KM_OK)
		rc = km_send_msg(d->line, m, -1, 0);
	do {
		if (rc == KM_OK)
			rc = km_recv(d->line, frame, sizeof(frame), &len, NULL, NULL, 0);
		if (rc == KM_OK)
			rc = km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_DESK_TALK, &answer);
	} while (rc == KM_OK && answer.number != KM_MSG_DONE);
	if (rc != KM_OK)
		return rc;
	*done = answer.done;
	return km_rc_from_wire(answer.done.rc);
}

#define PUT(field, ...) snprintf(field, sizeof(field), __VA_ARGS__)

km_rc office_add(const struct house *h, const char *login, int64_t uid)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };

	PUT(m.operator_add.login, "%s", login);
	PUT(m.operator_add.employee_number, "E-%s", login);
	PUT(m.operator_add.name, "Name of %s", login);
	PUT(m.operator_add.department, "Records");
	m.operator_add.uid = uid;
	m.operator_add.valid_from = m.operator_add.valid_until = KM_DAY_NONE;
	return office_do(h, &m, NULL);
}

static km_rc set_state(const struct house *h, const char *login, enum km_operator_state state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };

	PUT(m.operator_state.login, "%s", login);
	m.operator_state.state = (uint8_t)state;
	return office_do(h, &m, NULL);
}

km_rc office_suspend(const struct house *h, const char *login)
{
	return set_state(h, login, KM_SUSPENDED);
}

km_rc office_resume(const struct house *h, const char *login)
{
	return set_state(h, login, KM_ACTIVE);
}

km_rc office_unlock(const struct house *h, const char *login)
{
	struct km_msg m = { .number = KM_MSG_UNLOCK };

	PUT(m.unlock.login, "%s", login);
	return office_do(h, &m, NULL);
}

static void take_operator(void *arg, const struct km_msg *m)
{
	if (m->number == KM_MSG_OPERATOR_ROW)
		*(struct msg_operator_row *)arg = m->operator_row;
}

km_rc office_operator(const struct house *h, const char *login, struct msg_operator_row *out)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_SHOW };
	struct rows rows = { take_operator, out };

	PUT(m.operator_show.login, "%s", login);
	*out = (struct msg_operator_row){ 0 };
	return operate(h, &m, &rows, NULL);
}

km_rc office_enrol(const struct house *h, const char *login, const struct office_otp *otp,
		   uint64_t *id)
{
	struct km_msg m = { .number = KM_MSG_ENROL };
	const char *secret = otp->secret ? otp->secret : OFFICE_SECRET;
	struct msg_done done = { 0 };
	km_rc rc = desk_secret_parse(desk_of(h), secret, strlen(secret), &m.enrol.secret);

	PUT(m.enrol.login, "%s", login);
	m.enrol.factor = otp->factor ? (uint8_t)otp->factor : KM_FACTOR_TOTP;
	m.enrol.algorithm = otp->algorithm ? (uint8_t)otp->algorithm : KM_SHA1;
	m.enrol.digits = otp->digits ? (uint8_t)otp->digits : 6;
	m.enrol.period = otp->period ? (uint16_t)otp->period : 30;
	m.enrol.counter = otp->counter;
	if (rc == KM_OK)
		rc = office_do(h, &m, &done);
	if (rc == KM_OK && id)
		*id = done.id;
	km_msg_wipe(&m);
	return rc;
}

bool office_totp_operator(const struct house *h, const char *login, int64_t uid)
{
	const struct office_otp otp = { 0 };

	return office_add(h, login, uid) == KM_OK && office_enrol(h, login, &otp, NULL) == KM_OK;
}

km_rc office_recovery(const struct house *h, const char *login,
		      char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1])
{
	struct km_msg m = { .number = KM_MSG_ENROL_RECOVERY };
	struct km_secret *all = &m.enrol_recovery.codes;
	uint8_t random[KM_RECOVERY_LENGTH * 5 / 8];
	char code[KM_RECOVERY_LENGTH + 8];

	PUT(m.enrol_recovery.login, "%s", login);
	for (unsigned i = 0; i < KM_RECOVERY_CODES; i++) {
		if (km_random(random, sizeof(random)) != KM_OK)
			return KM_EIO;
		desk_base32(random, sizeof(random), code);
		memcpy(codes[i], code, KM_RECOVERY_LENGTH);
		codes[i][KM_RECOVERY_LENGTH] = '\0';
		memcpy(all->bytes + all->len, code, KM_RECOVERY_LENGTH);
		all->len = (uint16_t)(all->len + KM_RECOVERY_LENGTH);
	}
	return office_do(h, &m, NULL);
}

km_rc office_remove(const struct house *h, const char *login, uint64_t id)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_REMOVE };

	PUT(m.credential_remove.login, "%s", login);
	m.credential_remove.id = id;
	return office_do(h, &m, NULL);
}

struct wanted {
	enum km_factor factor;
	bool found;
	struct msg_credential_row row;
};

static void take_credential(void *arg, const struct km_msg *m)
{
	struct wanted *w = arg;

	if (w->found || m->number != KM_MSG_CREDENTIAL_ROW || m->credential_row.factor != w->factor)
		return;
	w->found = true;
	w->row = m->credential_row;
}

bool office_credential(const struct house *h, const char *login, enum km_factor factor,
		       struct msg_credential_row *out)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_LIST };
	struct wanted w = { .factor = factor };
	struct rows rows = { take_credential, &w };

	PUT(m.credential_list.login, "%s", login);
	if (operate(h, &m, &rows, NULL) != KM_OK || !w.found)
		return false;
	*out = w.row;
	return true;
}

int office_fails(const struct house *h, const char *login, enum km_factor factor)
{
	struct msg_credential_row row;

	return office_credential(h, login, factor, &row) ? (int)row.fails : -1;
}

struct search {
	enum km_event event;
	const char *login, *text;
	unsigned found, rows;
	uint64_t last, sum;
};

static void take_record(void *arg, const struct km_msg *m)
{
	const struct msg_audit_row *r = &m->audit_row;
	struct search *s = arg;
	const char *count;

	if (m->number != KM_MSG_AUDIT_ROW)
		return;
	s->rows++;
	s->last = r->seq;
	if (r->event != s->event || (s->login && strcmp(r->login, s->login) != 0) ||
	    (s->text && !strstr(r->body, s->text)))
		return;
	s->found++;
	count = strstr(r->body, "count=");
	if (count)
		s->sum += strtoull(count + strlen("count="), NULL, 10);
}

/* Pages through the whole trail. */
static bool search_trail(const struct house *h, struct search *s)
{
	struct rows rows = { take_record, s };
	km_rc rc;

	do {
		struct km_msg m = { .number = KM_MSG_AUDIT_LIST };

		m.audit_list.after = s->last;
		m.audit_list.limit = 500;
		s->rows = 0;
		rc = operate(h, &m, &rows, NULL);
	} while (rc == KM_OK && s->rows > 0);
	if (rc != KM_OK)
		fprintf(stderr, "office: the audit trail cannot be read: %s\n", km_rc_name(rc));
	return rc == KM_OK;
}

unsigned office_audited(const struct house *h, enum km_event event, const char *login,
			const char *text)
{
	struct search s = { .event = event, .login = login, .text = text };

	return search_trail(h, &s) ? s.found : UINT32_MAX;
}

bool office_broken_off(const struct house *h, const char *login, unsigned count)
{
	for (unsigned waited = 0; waited < 1000; waited++) {
		if (office_audited(h, KM_EVENT_LOGIN_REFUSED, login, "reason=aborted") == count)
			return true;
		usleep(20000);
	}
	return false;
}

uint64_t office_many(const struct house *h)
{
	struct search s = { .event = KM_EVENT_REFUSED_MANY };

	return search_trail(h, &s) ? s.sum : UINT64_MAX;
}

const char *office_json(const char *json, const char *path)
{
	static char value[8192];
	const char *const argv[] = { "sqlite3", "-batch", ":memory:", NULL };
	struct house_out o = { 0 };
	char *sql = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&sql, &len);

	snprintf(value, sizeof(value), "not JSON");
	if (!f)
		return value;
	fputs("SELECT json_extract('", f);
	for (; *json; json++)
		fputs(*json == '\'' ? "''" : (char[]){ *json, '\0' }, f);
	fprintf(f, "', '%s');\n", path);
	fclose(f);
	if (house_run(&o, -1, sql, argv) == 0 && o.err_len == 0) {
		snprintf(value, sizeof(value), "%s", o.out);
		value[strcspn(value, "\n")] = '\0';
	}
	house_out_free(&o);
	free(sql);
	return value;
}
