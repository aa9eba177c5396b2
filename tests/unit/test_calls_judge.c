/*
 * C3 in the judge: over one login, with a code, with a finger or with a code that is sent, from the
 * first byte to the verdict, every call that the judge and its libraries make fails, once and from
 * then on. It never says ALLOW, it goes on or ends, and the next login works.
 */
#include "../fault/fault.h"
#include "real_judge.h"

#include <sys/stat.h>

#include <kenmon/order.h>

/* Not clock_gettime: libsystemd ends the process when that fails, which the kernel never does. */
static const struct fault_kind kinds[] = {
	{ FAULT_MALLOC, "malloc", { ENOMEM } },
	{ FAULT_MMAP, "mmap", { ENOMEM } },
	{ FAULT_SOCKET, "socket", { EMFILE } },
	{ FAULT_SETSOCKOPT, "setsockopt", { ENOPROTOOPT, ENOMEM } },
	{ FAULT_GETSOCKOPT, "getsockopt", { EIO } },
	{ FAULT_ACCEPT, "accept", { EMFILE, ENOMEM, ECONNABORTED } },
	{ FAULT_CONNECT, "connect", { ECONNREFUSED, EACCES, EAGAIN } },
	{ FAULT_EPOLL, "epoll", { ENOMEM, EINTR } },
	{ FAULT_POLL, "poll", { ENOMEM } },
	{ FAULT_SENDMSG, "sendmsg", { EPIPE, ENOBUFS, EAGAIN } },
	{ FAULT_SENDTO, "sendto", { ENOENT } },
	{ FAULT_RECVMSG, "recvmsg", { ECONNRESET, ENOMEM, EAGAIN } },
	{ FAULT_OPEN, "open", { EMFILE } },
	{ FAULT_STAT, "stat", { EIO } },
	{ FAULT_READ, "read", { EIO } },
	{ FAULT_WRITE, "write", { EIO, ENOSPC } },
	{ FAULT_SYNC, "sync", { EIO } },
	{ FAULT_TRUNCATE, "ftruncate", { EIO } },
	{ FAULT_FCNTL, "fcntl", { EMFILE } },
	{ FAULT_GETRANDOM, "getrandom", { ENOSYS } },
};

/* What became of one login. */
static struct {
	bool allow;    /* the judge said ALLOW: never */
	bool checked;  /* the right answer arrived at the vault */
	bool finished; /* and the client saw the end */
} seen;

/* With the latter two Enter is pressed first; with a finger, a sensor is there. */
static enum { WITH_CODE, WITH_FINGER, WITH_PHONE } with;
static char sensor_path[96];
static int sensor_listener = -1, sensor = -1;
static uint32_t granted; /* session; 0: none */

static void only_the_judge(bool begins)
{
	fault_pause(!begins);
}

/* --- the vault, as far as it is asked ------------------------------------------------- */

/* One frame of the judge; KM_MSG_NONE: none. */
static struct km_msg from_judge(void)
{
	struct km_msg m = { .number = KM_MSG_NONE };
	size_t len;
	int fd = -1;

	if (vault < 0)
		return m;
	switch ((int)km_recv(vault, frame, sizeof(frame), &len, &fd, NULL, MSG_DONTWAIT)) {
	case KM_OK:
		assert_int_equal(
		    km_decode(frame, len, KM_FROM_JUDGE, KM_PHASE_LINK | KM_PHASE_OPENED, &m),
		    KM_OK);
		if (fd >= 0)
			close(fd);
		break;
	case KM_ECLOSED:
		close(vault);
		vault = -1;
		break;
	default:
		break;
	}
	return m;
}

static void tell_judge(struct km_msg m)
{
	if (vault >= 0 && km_send_msg(vault, &m, -1, MSG_DONTWAIT) == KM_OK)
		settle();
}

static void take_link(void)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	if (vault < 0 && poll(&p, 1, 0) == 1)
		vault = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

/* It is taken by a gateway at once. */
static void send_message(uint32_t session)
{
	struct km_msg m = { .number = KM_MSG_SENDING, .session = session };

	m.sending.kind = KM_ORDER_MESSAGE;
	m.sending.seconds = 300;
	tell_judge(m);
	m = (struct km_msg){ .number = KM_MSG_ORDER_NEWS, .session = session };
	m.order_news.state = KM_ORDER_STATE_SENT;
	tell_judge(m);
}

/* False: the judge said nothing. */
static bool play_vault(void)
{
	struct km_msg m, head = { .number = KM_MSG_HEAD }, plan = { .number = KM_MSG_PLAN };
	struct km_msg grant = { .number = KM_MSG_GRANTED }, again = { .number = KM_MSG_VERDICT };
	static const uint16_t shapes[] = { [WITH_CODE] = KM_SHAPE_DIGITS_6,
					   [WITH_FINGER] = KM_SHAPE_DIGITS_6 | KM_SHAPE_TOUCH,
					   [WITH_PHONE] = KM_SHAPE_DIGITS_6 | KM_SHAPE_PHONE };

	take_link();
	m = from_judge();
	head.head.seq = 1;
	switch (m.number) {
	case KM_MSG_ANCHOR:
		tell_judge(head);
		break;
	case KM_MSG_OPEN:
		plan.session = m.session;
		plan.plan.slots.count = 1;
		plan.plan.slots.slot[0].shape = shapes[with];
		tell_judge(plan);
		break;
	case KM_MSG_GRANT:
		granted = grant.session = m.session;
		memset(grant.granted.grant, 7, sizeof(grant.granted.grant));
		grant.granted.seconds = 20;
		tell_judge(grant);
		break;
	case KM_MSG_SEND:
		send_message(m.session);
		break;
	case KM_MSG_REVOKE:
		again.session = m.session;
		again.verdict.verdict = KM_VERDICT_RETRY;
		again.verdict.reason = KM_REASON_FINGER_NONE;
		tell_judge(again);
		break;
	case KM_MSG_CHECK:
		seen.checked =
		    m.check.secret.len == 6 && memcmp(m.check.secret.bytes, "123456", 6) == 0;
		tell_judge(verdict(m.session, KM_VERDICT_ALLOW));
		break;
	default:
		break;
	}
	return m.number != KM_MSG_NONE;
}

/* --- the sensor; what it has taken is the right finger ------------------------------------ */

static bool play_sensor(void)
{
	static const uint8_t events[] = { KM_SENSOR_WAITING, KM_SENSOR_TAKEN, KM_SENSOR_DONE };
	struct pollfd p = { .fd = sensor_listener, .events = POLLIN };
	struct km_msg m;
	size_t len;
	km_rc rc;

	if (sensor < 0 && sensor_listener >= 0 && poll(&p, 1, 0) == 1)
		sensor = accept4(sensor_listener, NULL, NULL, SOCK_CLOEXEC);
	if (sensor < 0)
		return false;
	rc = km_recv(sensor, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT);
	if (rc == KM_ECLOSED) {
		close(sensor);
		sensor = -1;
	}
	if (rc != KM_OK)
		return false;
	assert_int_equal(km_decode(frame, len, KM_FROM_JUDGE, KM_PHASE_SENSOR, &m), KM_OK);
	for (unsigned i = 0; m.number == KM_MSG_CAPTURE && i < sizeof(events); i++) {
		struct km_msg event = { .number = KM_MSG_EVENT };

		memset(event.event.grant, 7, sizeof(event.event.grant));
		event.event.event = events[i];
		if (km_send_msg(sensor, &event, -1, MSG_DONTWAIT) == KM_OK)
			settle();
	}
	if (m.number == KM_MSG_CAPTURE) {
		seen.checked = true;
		tell_judge(verdict(granted, KM_VERDICT_ALLOW));
	}
	return true;
}

/* --- the client -------------------------------------------------------------------------- */

static int arrive(void)
{
	struct km_msg m = { .number = KM_MSG_HELLO };
	static unsigned people;
	int fd = -1;

	assert_int_equal(km_connect(door, true, &fd), KM_OK);
	m.hello.kind = KM_CLIENT_DOOR;
	m.hello.oldest = m.hello.newest = KM_PROTOCOL_NEWEST;
	if (km_send_msg(fd, &m, -1, MSG_DONTWAIT) != KM_OK)
		return fd;
	m = (struct km_msg){ .number = KM_MSG_LOGIN };
	m.login.kind = KM_REQUEST_AUTHENTICATE;
	m.login.uid = 1000;
	snprintf(m.login.login, sizeof(m.login.login), "somebody%u", people++);
	if (km_send_msg(fd, &m, -1, MSG_DONTWAIT) == KM_OK)
		settle();
	return fd;
}

static bool is_for_a_code(const struct msg_prompt *p)
{
	if (p->shape & KM_SHAPE_PHONE)
		return strcmp(p->text, km_text(KM_TEXT_PROMPT_SENT, KM_LANG_EN)) == 0;
	return !(p->shape & KM_SHAPE_TOUCH);
}

/* False: nothing new was heard. */
static bool hear_judge(int fd)
{
	struct km_msg m = { .number = KM_MSG_NONE };
	size_t len = 0;
	km_rc rc;

	if (seen.finished)
		return false;
	rc = km_recv(fd, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT);
	seen.finished = rc != KM_OK && rc != KM_EAGAIN;
	if (rc != KM_OK)
		return false;
	assert_int_equal(km_decode(frame, len, KM_FROM_JUDGE_OR_VAULT,
				   KM_PHASE_HEARD_NOTHING | KM_PHASE_TALK, &m),
			 KM_OK);
	if (m.number == KM_MSG_RESULT && m.result.verdict == KM_VERDICT_ALLOW)
		seen.allow = true;
	if (m.number == KM_MSG_PROMPT) {
		struct km_msg answer = { .number = KM_MSG_ANSWER };

		if (is_for_a_code(&m.prompt))
			assert_int_equal(km_secret_set(&answer.answer.secret, "123456", 6), KM_OK);
		if (km_send_msg(fd, &answer, -1, MSG_DONTWAIT) == KM_OK)
			settle();
	}
	return true;
}

static void log_in(void)
{
	int fd;

	memset(&seen, 0, sizeof(seen));
	fd = arrive();
	for (unsigned quiet = 0; quiet < 3;) {
		settle();
		quiet = play_vault() || play_sensor() || hear_judge(fd) ? 0 : quiet + 1;
	}
	close(fd);
	settle();
}

/* --- the matrix ----------------------------------------------------------------------------- */

static char anchor_dir[96];

static bool open_judge(void)
{
	void *nothing = NULL;
	bool torn;

	judge_broke = false;
	if (open_house(&nothing) != 0)
		return false;
	snprintf(sensor_path, sizeof(sensor_path), "%s/sensor", dir);
	j->sensor_path = sensor_path;
	j->sensor_uid = geteuid();
	if (with == WITH_FINGER &&
	    km_listen_at(sensor_path, 0600, (uid_t)-1, (gid_t)-1, &sensor_listener) != KM_OK)
		return false;
	snprintf(anchor_dir, sizeof(anchor_dir), "%s/judge", dir);
	return mkdir(anchor_dir, 0700) == 0 &&
	       judge_anchor_open(&j->anchor, anchor_dir, &torn) == KM_OK;
}

static void close_judge(void)
{
	void *nothing = NULL;
	char path[128];

	if (sensor >= 0)
		close(sensor);
	if (sensor_listener >= 0)
		close(sensor_listener);
	sensor = sensor_listener = -1;
	unlink(sensor_path);
	judge_anchor_close(&j->anchor);
	snprintf(path, sizeof(path), "%s/anchor", anchor_dir);
	unlink(path);
	rmdir(anchor_dir);
	assert_int_equal(close_house(&nothing), 0);
}

/* The timers of the judge are some tenths of a second: until it is itself again. */
static bool works_again(void)
{
	for (unsigned n = 0; n < 100; n++) {
		log_in();
		if (seen.checked && seen.finished)
			return true;
		usleep(20000);
	}
	return false;
}

static bool has_ended(void)
{
	int code;

	return judge_broke || sd_event_get_exit_code(j->event, &code) >= 0;
}

static struct fault_count one_login(size_t kind, int error, unsigned k, bool for_good)
{
	struct fault_count count;

	assert_true(open_judge());
	around_judge = only_the_judge;
	fault_begin(kinds[kind].call, k, error, for_good);
	fault_pause(true);
	log_in();
	count = fault_end();
	around_judge = NULL;
	if (seen.allow)
		fail_msg("%s (error %d), call %u: the judge says ALLOW", kinds[kind].name, error,
			 k);
	if (k == 0 && !(seen.checked && seen.finished))
		fail_msg("nothing failed, and no login");
	if (has_ended()) { /* it is started again */
		close_judge();
		assert_true(open_judge());
	}
	if (!works_again())
		fail_msg("%s (error %d), call %u%s: no login afterwards", kinds[kind].name, error,
			 k, for_good ? " and all after it" : "");
	close_judge();
	return count;
}

static void every_call_fails(void)
{
	unsigned tried = 0, expected = 0;

	(void)one_login(0, 0, 0, false);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned calls = one_login(i, 0, 0, false).calls[kinds[i].call];

		if (kinds[i].call == FAULT_MALLOC && !fault_has_malloc())
			continue;
		for (unsigned n = 0; n < 3 && kinds[i].errors[n]; n++)
			for (unsigned k = 2; k < 2 * calls + 2; k++) {
				expected++;
				tried += one_login(i, kinds[i].errors[n], k / 2, k % 2).failed > 0;
			}
	}
	print_message("# %u of %u points tried\n", tried, expected);
	assert_true(expected > 100);
	assert_int_equal(tried, expected);
}

static void test_C3_no_failing_call_makes_the_judge_allow_or_stand_still(void **state)
{
	(void)state;
	with = WITH_CODE;
	every_call_fails();
}

static void test_C3_nor_does_one_while_a_finger_is_waited_for(void **state)
{
	(void)state;
	with = WITH_FINGER;
	every_call_fails();
}

static void test_C3_nor_does_one_while_a_code_is_sent(void **state)
{
	(void)state;
	with = WITH_PHONE;
	every_call_fails();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_makes_the_judge_allow_or_stand_still),
		cmocka_unit_test(test_C3_nor_does_one_while_a_finger_is_waited_for),
		cmocka_unit_test(test_C3_nor_does_one_while_a_code_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
