/*
 * Every request to a vault, while the n-th call of a kind fails, for all n: a step of the engine, a
 * value bound, a MAC, a cipher, a code. Nobody is let in and nothing is said to be done unless it
 * was; the chain verifies, and the same request succeeds when the fault has gone. A dry run counts
 * the points, and the test fails when fewer were tried.
 */
#include "vault_room.h"

#include <dlfcn.h>

#include <kenmon/factor.h>

#include <liboath/oath.h>
#include <openssl/evp.h>
#include <sqlite3.h>

#define SEED  "12345678901234567890" /* RFC 4226 */
#define CODES "AAAAAAAAAAAAAAAA"

/* --- calls that fail: these come before the libraries' own ---------------------------- */

enum call { STEP, BIND_INT, BIND_BLOB, MAC, CIPHER, FINAL, CODE, CALLS };
static const char *const call_names[] = {
	"step", "integer", "blob", "MAC", "cipher", "tag", "code"
};

static struct {
	bool counting, for_good;
	enum call call;
	unsigned nth, calls, failed;
	unsigned inside; /* a library: what it calls itself is not ours, and not mended by us */
} fault;

static bool fails(enum call call)
{
	unsigned n;

	if (!fault.counting || fault.inside || call != fault.call)
		return false;
	n = ++fault.calls;
	if (fault.nth == 0 || n < fault.nth || (n > fault.nth && !fault.for_good))
		return false;
	fault.failed++;
	return true;
}

#define FAILING(call, wrong, type, name, declared, passed)                                         \
	__attribute__((visibility("default"))) type name declared                                  \
	{                                                                                          \
		static type(*real) declared;                                                       \
                                                                                                   \
		if (!real)                                                                         \
			real = (type(*) declared)(uintptr_t)dlsym(RTLD_NEXT, #name);               \
		if (fails(call))                                                                   \
			return (wrong);                                                            \
		fault.inside++;                                                                    \
		type result = real passed;                                                         \
		fault.inside--;                                                                    \
		return result;                                                                     \
	}

FAILING(STEP, SQLITE_IOERR, int, sqlite3_step, (sqlite3_stmt * st), (st))
FAILING(BIND_INT, SQLITE_NOMEM, int, sqlite3_bind_int64,
	(sqlite3_stmt * st, int at, sqlite3_int64 n), (st, at, n))
FAILING(BIND_BLOB, SQLITE_NOMEM, int, sqlite3_bind_blob64,
	(sqlite3_stmt * st, int at, const void *bytes, sqlite3_uint64 len, void (*destroy)(void *)),
	(st, at, bytes, len, destroy))
FAILING(MAC, 0, int, EVP_MAC_init,
	(EVP_MAC_CTX * ctx, const unsigned char *key, size_t len, const OSSL_PARAM params[]),
	(ctx, key, len, params))
FAILING(CIPHER, 0, int, EVP_CIPHER_CTX_copy, (EVP_CIPHER_CTX * out, const EVP_CIPHER_CTX *in),
	(out, in))
FAILING(FINAL, 0, int, EVP_CipherFinal_ex, (EVP_CIPHER_CTX * ctx, unsigned char *out, int *len),
	(ctx, out, len))
FAILING(CODE, OATH_MALLOC_ERROR, int, oath_hotp_generate,
	(const char *secret, size_t len, uint64_t counter, unsigned digits, bool checksum,
	 size_t truncation, char *out),
	(secret, len, counter, digits, checksum, truncation, out))

/* --- requests -------------------------------------------------------------------------- */

static uint64_t token; /* of hanako */

/* The frame that ends a request: RESULT, VERDICT or DONE. */
static struct km_msg answer_to_login(const char *login, uint32_t uid, const char *code)
{
	struct km_msg m = { .number = KM_MSG_CHECK };
	int client = opens(KM_REQUEST_AUTHENTICATE, login, uid);

	m.session = room.session;
	if (judge_hears().number == KM_MSG_PLAN) {
		assert_int_equal(km_secret_set(&m.check.secret, code, strlen(code)), KM_OK);
		judge_says(&m, -1);
		m = judge_hears();
	}
	/* ALLOW is the client's to hear. */
	if (hear(client, KM_PHASE_TALK, &m, NULL) != KM_OK)
		m = (struct km_msg){ .number = KM_MSG_VERDICT };
	close(client);
	return m;
}

static struct km_msg right_code(void)
{
	return answer_to_login("hanako", 1000, "755224"); /* RFC 4226, counter 0 */
}

/* Of somebody who has no account yet: allowed and bound, or neither. */
static struct km_msg first_login(void)
{
	return answer_to_login("shiro", 1003, "755224");
}

static struct km_msg wrong_code(void)
{
	return answer_to_login("hanako", 1000, "000000");
}

static struct km_msg recovery_code(void)
{
	return answer_to_login("hanako", 1000, CODES);
}

static struct km_msg opened(unsigned kind)
{
	struct km_msg m = { .number = KM_MSG_NONE };
	int client = opens(kind, "hanako", 1000);

	if (hear(client, KM_PHASE_TALK, &m, NULL) != KM_OK)
		m.number = KM_MSG_NONE;
	close(client);
	return m;
}

static struct km_msg account(void)
{
	return opened(KM_REQUEST_ACCOUNT);
}

static struct km_msg session(void)
{
	return opened(KM_REQUEST_SESSION_OPEN);
}

/* An operation, and the ANSWERs to what it asks. NONE: the line was closed. */
static struct km_msg operation(struct km_msg m, const char *const answers[])
{
	bool counting = fault.counting;
	int line;

	fault.counting = false;
	line = desk_comes();
	fault.counting = counting;
	memset(m.status.op, 0x3c, sizeof(m.status.op)); /* again and again the same id */
	for (;;) {
		assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
		vault_round(room.v, 0);
		do
			if (hear(line, KM_PHASE_DESK_TALK, &m, NULL) != KM_OK)
				m.number = KM_MSG_NONE;
		while (m.number != KM_MSG_NONE && m.number != KM_MSG_DONE &&
		       m.number != KM_MSG_PROMPT);
		if (m.number != KM_MSG_PROMPT || !answers || !*answers)
			break;
		m = (struct km_msg){ .number = KM_MSG_ANSWER };
		assert_int_equal(km_secret_set(&m.answer.secret, *answers, 6), KM_OK);
		answers++;
	}
	close(line);
	return m;
}

#define ABOUT(login_)                                                                              \
	{                                                                                          \
		.login = (login_)                                                                  \
	}

static struct km_msg add(void)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD,
			    .operator_add = { .login = "taro",
					      .employee_number = "2",
					      .name = "T",
					      .department = "D",
					      .uid = 1001,
					      .valid_from = KM_DAY_NONE,
					      .valid_until = KM_DAY_NONE } };

	return operation(m, NULL);
}

static struct km_msg list(void)
{
	return operation(
	    (struct km_msg){ .number = KM_MSG_OPERATOR_LIST, .operator_list.limit = 9 }, NULL);
}

static struct km_msg show(void)
{
	return operation(
	    (struct km_msg){ .number = KM_MSG_OPERATOR_SHOW, .operator_show = ABOUT("hanako") },
	    NULL);
}

static struct km_msg suspend(void)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE, .operator_state = ABOUT("hanako") };

	m.operator_state.state = KM_SUSPENDED;
	return operation(m, NULL);
}

static struct km_msg rebind(void)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_REBIND, .operator_rebind = ABOUT("hanako") };

	m.operator_rebind.uid = 1002;
	return operation(m, NULL);
}

static struct km_msg enrol_with(uint8_t confirm, const char *const answers[])
{
	struct km_msg m = { .number = KM_MSG_ENROL, .enrol = ABOUT("hanako") };

	m.enrol.factor = KM_FACTOR_HOTP;
	m.enrol.algorithm = KM_SHA1;
	m.enrol.digits = 6;
	m.enrol.confirm = confirm;
	assert_int_equal(km_secret_set(&m.enrol.secret, SEED "x", 20), KM_OK);
	m.enrol.secret.bytes[0] = 'y';
	return operation(m, answers);
}

static struct km_msg enrol(void)
{
	return enrol_with(0, NULL);
}

static struct km_msg enrol_recovery(void)
{
	struct km_msg m = { .number = KM_MSG_ENROL_RECOVERY, .enrol_recovery = ABOUT("hanako") };

	m.enrol_recovery.codes.len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH;
	for (size_t i = 0; i < m.enrol_recovery.codes.len; i++)
		m.enrol_recovery.codes.bytes[i] = (uint8_t)('B' + i / KM_RECOVERY_LENGTH);
	return operation(m, NULL);
}

static struct km_msg credentials(void)
{
	return operation(
	    (struct km_msg){ .number = KM_MSG_CREDENTIAL_LIST, .credential_list = ABOUT("hanako") },
	    NULL);
}

static struct km_msg remove_one(void)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_REMOVE,
			    .credential_remove = ABOUT("hanako") };

	m.credential_remove.id = token;
	return operation(m, NULL);
}

static struct km_msg resync(void)
{
	static const char *const codes[] = { "287082", "359152", NULL }; /* counters 1 and 2 */
	struct km_msg m = { .number = KM_MSG_RESYNC, .resync = ABOUT("hanako") };

	m.resync.id = token;
	return operation(m, codes);
}

static struct km_msg unlock(void)
{
	return operation((struct km_msg){ .number = KM_MSG_UNLOCK, .unlock = ABOUT("hanako") },
			 NULL);
}

static struct km_msg trail(void)
{
	struct km_msg m = { .number = KM_MSG_AUDIT_LIST, .audit_list = ABOUT("hanako") };

	m.audit_list.last = 5;
	return operation(m, NULL);
}

static struct km_msg verify(void)
{
	return operation((struct km_msg){ .number = KM_MSG_AUDIT_VERIFY }, NULL);
}

static struct km_msg status(void)
{
	return operation((struct km_msg){ .number = KM_MSG_STATUS }, NULL);
}

static struct km_msg erase(void)
{
	struct km_msg m = { .number = KM_MSG_ERASE, .erase = ABOUT("hanako") };

	m.erase.reason[0] = 'x';
	return operation(m, NULL);
}

static const struct request {
	const char *name;
	struct km_msg (*run)(void);
} requests[] = {
	{ "a right code", right_code },
	{ "a first login", first_login },
	{ "a wrong code", wrong_code },
	{ "a recovery code", recovery_code },
	{ "an account", account },
	{ "a session", session },
	{ "operator add", add },
	{ "operator list", list },
	{ "operator show", show },
	{ "operator suspend", suspend },
	{ "operator rebind", rebind },
	{ "enrol", enrol },
	{ "enrol recovery codes", enrol_recovery },
	{ "credential list", credentials },
	{ "credential remove", remove_one },
	{ "resync", resync },
	{ "unlock", unlock },
	{ "audit list", trail },
	{ "audit verify", verify },
	{ "status", status },
	{ "erase", erase },
};

/* --- one point ----------------------------------------------------------------------------- */

static char base[48], work[48];

static bool succeeded(const struct km_msg *m)
{
	if (m->number == KM_MSG_RESULT)
		return m->result.verdict == KM_VERDICT_ALLOW;
	return m->number == KM_MSG_DONE && m->done.rc == 0;
}

static void chain_verifies(const char *what)
{
	struct km_verify v = { .next = 0 };

	while (!v.finished && !v.bad) {
		km_rc rc = store_audit_verify(room.v->store, &v, 1000);

		if (rc != KM_OK)
			fail_msg("%s: the chain cannot be verified: %s", what, km_rc_name(rc));
	}
	if (v.bad)
		fail_msg("%s: record %llu: %s", what, (unsigned long long)v.bad, v.why);
}

/* One request on a fresh copy of the folder, under one fault; what it was answered. */
static struct km_msg point(const struct request *r, enum call call, unsigned nth, bool for_good)
{
	struct km_msg m;

	copy_tree(base, work);
	snprintf(room.dir, sizeof(room.dir), "%s", work);
	assert_int_equal(room_start(), 0);
	fault.call = call;
	fault.nth = nth;
	fault.for_good = for_good;
	fault.calls = fault.failed = 0;
	fault.counting = true;
	m = r->run();
	fault.counting = false;
	return m;
}

static void finish(const struct request *r, enum call call, unsigned nth, const struct km_msg *m,
		   bool may)
{
	char what[96];
	struct km_msg again;

	snprintf(what, sizeof(what), "%s, %s %u", r->name, call_names[call], nth);
	vault_round(room.v, 0); /* what could not be undone is undone in the next round */
	chain_verifies(what);
	if (may && !room.v->stop && !succeeded(m)) {
		again = r->run();
		if (!succeeded(&again))
			fail_msg("%s: refused, and again when all is well: %s %d, then %s %d %s",
				 what, km_message_name(m->number), m->done.rc,
				 km_message_name(again.number), again.done.rc,
				 again.number == KM_MSG_DONE ? again.done.text : "");
		chain_verifies(what);
	}
	room_stop();
	remove_all(work);
}

static void test_no_failing_call_in_any_request_lets_in_loses_or_breaks_anything(void **state)
{
	unsigned tried = 0, expected = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		for (enum call call = 0; call < CALLS; call++) {
			const struct request *r = &requests[i];
			struct km_msg m = point(r, call, 0, false);
			unsigned points = fault.calls;
			bool may = succeeded(&m); /* without a fault */

			finish(r, call, 0, &m, may);
			for (unsigned k = 2; k < 2 * points + 2; k++) {
				expected++;
				m = point(r, call, k / 2, k % 2);
				tried += fault.failed > 0;
				if (!may && succeeded(&m))
					fail_msg("%s, %s %u: let in by a fault", r->name,
						 call_names[call], k / 2);
				finish(r, call, k / 2, &m, may);
			}
		}
	}
	print_message("# %u of %u points tried\n", tried, expected);
	assert_true(expected > 0);
	assert_int_equal(tried, expected);
}

static struct km_operator add_with_token(const char *login, int64_t uid, uint64_t *id)
{
	struct km_operator in = { .uid = uid,
				  .valid_from = KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE },
			   op;
	struct km_person who = { .name = "N", .department = "D" };
	struct km_credential c = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_secret seed = { 0 };
	struct km_event_record r;

	snprintf(who.login, sizeof(who.login), "%s", login);
	snprintf(who.employee_number, sizeof(who.employee_number), "N-%s", login);
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "test");
	assert_int_equal(store_operator_add(room.v->store, &in, &who, &r, &op), KM_OK);
	memcpy(c.subject, op.subject, sizeof(c.subject));
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	assert_int_equal(km_secret_set(&seed, SEED, 20), KM_OK);
	assert_int_equal(store_enrol_otp(room.v->store, &op, &c, &seed, &r, id), KM_OK);
	return op;
}

/* hanako, uid 1000, with a counter-based token and recovery codes; shiro, without an account. */
static int make_base(void **state)
{
	struct km_secret codes = { .len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH };
	struct km_event_record r;
	struct km_operator op;
	uint64_t id;

	if (open_room(state) != 0)
		return -1;
	memcpy(base, room.dir, sizeof(base));
	snprintf(work, sizeof(work), "%.40s-work", base);
	(void)add_with_token("shiro", -1, &id);
	op = add_with_token("hanako", 1000, &token);
	for (size_t i = 0; i < codes.len; i++)
		codes.bytes[i] = (uint8_t)('A' + i / KM_RECOVERY_LENGTH);
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	assert_int_equal(store_enrol_recovery(room.v->store, &op, &codes, false, &r, &id), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	room_stop();
	return 0;
}

static int remove_base(void **state)
{
	(void)state;
	remove_all(base);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_no_failing_call_in_any_request_lets_in_loses_or_breaks_anything),
	};

	return cmocka_run_group_tests(tests, make_base, remove_base);
}
