/*
 * What an erasure leaves behind: nothing of the operator in any byte of any
 * file, whenever the vault is killed on the way, and nobody hears that it is
 * done before that is so.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../enroll/line.h"
#include "../../enroll/secret_input.h"
#include "house_office.h"

#define ROUNDS   40
#define SPAN_US  5000 /* an erasure takes 1 to 5 ms */
#define WRAPPED  48   /* bytes of a subject key, wrapped */
#define SEED     20
#define QUIET_MS 2500 /* the vault tries again every second */
#define DONE_MS  15000

struct person {
	char login[32], number[32], name[64], secret[40];
	uint8_t seed[SEED], wrapped[WRAPPED];
};

static void pause_us(long us)
{
	const struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

/* --- an operator, and every byte that must go ------------------------------------------ */

/* The newest subject key as it lies in the database: read from a copy, the vault has the file. */
static void read_wrapped(const struct house *h, uint8_t out[WRAPPED])
{
	char command[4 * HOUSE_PATH];
	const char *const argv[] = { "sh", "-c", command, NULL };
	struct house_out o;

	snprintf(command, sizeof(command),
		 "d=$(mktemp -d) && cp %s/vault/vault.db* $d && sqlite3 $d/vault.db "
		 "'SELECT hex(wrapped) FROM subject_key ORDER BY cursor DESC LIMIT 1'; rm -r $d",
		 h->state);
	assert_int_equal(house_run(&o, -1, NULL, argv), 0);
	assert_int_equal(o.out_len, 2 * WRAPPED + 1);
	for (size_t i = 0; i < WRAPPED; i++) {
		const char hex[3] = { o.out[2 * i], o.out[2 * i + 1] };

		out[i] = (uint8_t)strtoul(hex, NULL, 16);
	}
	house_out_free(&o);
}

static struct person enrolled(const struct house *h, unsigned n)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };
	struct msg_operator_add *a = &m.operator_add;
	struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	struct person p = { 0 };

	snprintf(p.login, sizeof(p.login), "canary-login-%u", n);
	snprintf(p.number, sizeof(p.number), "canary-number-%u", n);
	snprintf(p.name, sizeof(p.name), "Canary Name %u", n);
	assert_int_equal(km_random(p.seed, sizeof(p.seed)), KM_OK);
	desk_base32(p.seed, sizeof(p.seed), p.secret);
	memcpy(a->login, p.login, sizeof(p.login));
	memcpy(a->employee_number, p.number, sizeof(p.number));
	memcpy(a->name, p.name, sizeof(p.name));
	snprintf(a->department, sizeof(a->department), "Records");
	a->uid = -1;
	a->valid_from = a->valid_until = KM_DAY_NONE;
	assert_int_equal(office_do(h, &m, NULL), KM_OK);
	otp.secret = p.secret;
	assert_int_equal(office_enrol(h, p.login, &otp, NULL), KM_OK);
	read_wrapped(h, p.wrapped);
	assert_true(house_holds(h, p.wrapped, WRAPPED, NULL));
	return p;
}

static void hunt(const struct house *h, const char *what, const void *bytes, size_t len)
{
	char where[HOUSE_PATH] = "";

	if (house_holds(h, bytes, len, where))
		fail_msg("%s of the erased is in %s", what, where);
}

static void check_no_trace(const struct house *h, const struct person *p)
{
	hunt(h, "the key", p->wrapped, WRAPPED);
	/* Whatever shifts it: half of it is too much. */
	hunt(h, "the key's second half", p->wrapped + WRAPPED / 2, WRAPPED / 2);
	hunt(h, "the seed", p->seed, SEED);
	hunt(h, "the secret", p->secret, strlen(p->secret));
	hunt(h, "the login", p->login, strlen(p->login) + 1); /* -1 is in -10 */
	hunt(h, "the number", p->number, strlen(p->number));
	hunt(h, "the name", p->name, strlen(p->name));
}

/* OK: the operator is there; ENOTFOUND: gone. */
static km_rc look_up(const struct house *h, const struct person *p)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_SHOW };

	memcpy(m.operator_show.login, p->login, sizeof(p->login));
	return office_do(h, &m, NULL);
}

/* --- an erasure, from a desk that may be left without an answer --------------------------- */

static void begin_erasure(const struct house *h, struct desk *d, const struct person *p)
{
	struct km_msg m = { .number = KM_MSG_ERASE };

	office_close();
	desk_init(d);
	d->socket = h->socket;
	d->daemon_uid = h->vault_uid;
	assert_int_equal(desk_open(d), KM_OK);
	assert_int_equal(km_random(m.erase.op, sizeof(m.erase.op)), KM_OK);
	memcpy(m.erase.login, p->login, sizeof(p->login));
	snprintf(m.erase.reason, sizeof(m.erase.reason), "asked for");
	assert_int_equal(km_send_msg(d->line, &m, -1, 0), KM_OK);
}

/* True: it was said to be done. */
static bool told(const struct desk *d, int wait_ms)
{
	struct pollfd p = { .fd = d->line, .events = POLLIN };
	uint8_t frame[2048];
	struct km_msg m = { 0 };
	size_t len;

	if (poll(&p, 1, wait_ms) <= 0 ||
	    km_recv(d->line, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT) != KM_OK)
		return false;
	assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_DESK_TALK, &m), KM_OK);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, 0);
	return true;
}

static void test_a_vault_killed_at_any_moment_of_an_erasure_leaves_all_or_nothing(void **state)
{
	struct house *h = *state;
	unsigned gone = 0, whole = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct person p = enrolled(h, i);
		pid_t vault = house_room(h, "kenmon-vault");
		struct desk d;
		bool done;

		begin_erasure(h, &d, &p);
		pause_us((long)i * SPAN_US / ROUNDS);
		assert_int_equal(kill(vault, SIGKILL), 0);
		done = told(&d, 1000);
		desk_close(&d);
		/* Said to be done: then already now, before anybody could tidy up. */
		if (done)
			check_no_trace(h, &p);
		/* All anew, and not by the judge, who waits longer each time. */
		house_stop(h);
		assert_true(house_again(h));
		if (look_up(h, &p) == KM_OK) {
			whole++;
			assert_false(done);
			assert_int_equal(office_fails(h, p.login, KM_FACTOR_HOTP), 0);
			assert_true(house_holds(h, p.wrapped, WRAPPED, NULL));
		} else {
			gone++;
			assert_int_equal(look_up(h, &p), KM_ENOTFOUND);
			check_no_trace(h, &p);
		}
	}
	assert_int_equal(gone + whole, ROUNDS);
	fprintf(stderr, "# %u erasures had begun, %u had not\n", gone, whole);
	assert_true(gone > 0);
	assert_int_equal(office_audited(h, KM_EVENT_ERASE_BEGUN, NULL, NULL), gone);
	assert_int_equal(office_audited(h, KM_EVENT_ERASED, NULL, NULL), gone);
}

/* --- the cutting of the log --------------------------------------------------------------- */

#define NEEDS_ROOT()                                                                               \
	do {                                                                                       \
		if (geteuid() != 0) {                                                              \
			fprintf(stderr, "# skipped: to trace the vault needs root\n");             \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static bool is_traced(pid_t pid)
{
	char path[64], line[128];
	int tracer = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (f)
		fclose(f);
	return tracer != 0;
}

/* From now on each ftruncate of this process meets with what `how` says. */
static pid_t trace(pid_t room, const char *how)
{
	char pid[16];
	pid_t tracer;

	snprintf(pid, sizeof(pid), "%d", room);
	fflush(NULL);
	tracer = fork();
	if (tracer == 0) {
		execlp("strace", "strace", "-qq", "-o", "/dev/null", "-p", pid, "-e",
		       "trace=ftruncate", "-e", how, NULL);
		_exit(127);
	}
	for (unsigned i = 0; i < 500 && !is_traced(room); i++)
		pause_us(10000);
	assert_true(is_traced(room));
	pause_us(200000); /* attached; now it sets what to trace */
	return tracer;
}

static void untrace(pid_t tracer)
{
	kill(tracer, SIGTERM);
	assert_int_equal(waitpid(tracer, NULL, 0), tracer);
}

static void test_a_vault_killed_before_it_cuts_the_log_cuts_it_when_it_starts(void **state)
{
	const struct house *h = *state;
	struct person p;
	struct desk d;
	pid_t vault, tracer;

	NEEDS_ROOT();
	p = enrolled(h, 1);
	vault = house_room(h, "kenmon-vault");
	tracer = trace(vault, "inject=ftruncate:error=EIO");
	begin_erasure(h, &d, &p);
	assert_true(house_wait_log(h, "an erasure is not finished"));
	/* Not killed under strace: its parent would not hear of it (sd-event looks once). */
	assert_int_equal(kill(vault, SIGSTOP), 0);
	untrace(tracer);
	assert_int_equal(kill(vault, SIGKILL), 0);
	assert_false(told(&d, DONE_MS)); /* the line ends without a word */
	desk_close(&d);
	assert_true(house_holds(h, p.wrapped, WRAPPED, NULL));
	assert_true(house_wait_room(h, "kenmon-vault", vault) > 0);
	assert_int_equal(look_up(h, &p), KM_ENOTFOUND);
	check_no_trace(h, &p);
}

static void test_nobody_hears_erased_before_the_log_is_cut(void **state)
{
	const struct house *h = *state;
	struct person p;
	struct desk d;
	pid_t tracer;

	NEEDS_ROOT();
	p = enrolled(h, 1);
	tracer = trace(house_room(h, "kenmon-vault"), "inject=ftruncate:error=EIO");
	begin_erasure(h, &d, &p);
	assert_false(told(&d, QUIET_MS));
	/* With reason: it is still there. */
	assert_true(house_holds(h, p.wrapped, WRAPPED, NULL));
	assert_true(house_wait_log(h, "an erasure is not finished"));
	untrace(tracer);
	assert_true(told(&d, DONE_MS));
	check_no_trace(h, &p);
	desk_close(&d);
	assert_int_equal(look_up(h, &p), KM_ENOTFOUND);
}

#define TRACES_TEST(f) cmocka_unit_test_setup_teardown(f, office_setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRACES_TEST(test_a_vault_killed_at_any_moment_of_an_erasure_leaves_all_or_nothing),
		TRACES_TEST(test_a_vault_killed_before_it_cuts_the_log_cuts_it_when_it_starts),
		TRACES_TEST(test_nobody_hears_erased_before_the_log_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
