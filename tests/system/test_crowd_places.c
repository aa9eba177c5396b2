/*
 * One operator who starts su in a loop, as the rooms see it: programs of root's
 * that ask for the same login and wait at their prompts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/sock.h>
#include <kenmon/verdict.h>

#include "house_office.h"

#define WAITING 1024 /* as many as there are places */

static uint8_t frame[KM_FRAME_MAX];

static int asks(const struct house *h, const char *login)
{
	struct km_msg m = { .number = KM_MSG_HELLO };
	int fd = -1;

	assert_int_equal(km_connect(h->socket, false, &fd), KM_OK);
	m.hello.kind = KM_CLIENT_DOOR;
	m.hello.oldest = m.hello.newest = KM_PROTOCOL_NEWEST;
	assert_int_equal(km_send_msg(fd, &m, -1, 0), KM_OK);
	m = (struct km_msg){ .number = KM_MSG_LOGIN };
	m.login.kind = KM_REQUEST_AUTHENTICATE;
	m.login.uid = 1;
	snprintf(m.login.login, sizeof(m.login.login), "%s", login);
	snprintf(m.login.service, sizeof(m.login.service), "su");
	assert_int_equal(km_send_msg(fd, &m, -1, 0), KM_OK);
	return fd;
}

/* PROMPT, or the reason of RESULT. */
static int hears(int fd)
{
	struct km_msg m = { 0 };
	size_t len = 0;

	do {
		assert_int_equal(km_recv(fd, frame, sizeof(frame), &len, NULL, NULL, 0), KM_OK);
		assert_int_equal(km_decode(frame, len, KM_FROM_JUDGE_OR_VAULT,
					   KM_PHASE_HEARD_NOTHING | KM_PHASE_TALK, &m),
				 KM_OK);
	} while (m.number == KM_MSG_WELCOME);
	return m.number == KM_MSG_RESULT ? 1000 + m.result.reason : m.number;
}

static void test_a_thousand_prompts_of_one_login_lock_nobody_else_out(void **state)
{
	const struct house *h = *state;
	unsigned prompts = 0;
	static int fd[WAITING];
	char code[16];

	assert_true(office_totp_operator(h, "games", 5));
	assert_int_equal(office_add(h, "daemon", 1), KM_OK);
	office_close();
	for (unsigned i = 0; i < WAITING; i++) {
		int heard;

		fd[i] = asks(h, "daemon");
		heard = hears(fd[i]);
		prompts += heard == KM_MSG_PROMPT;
		assert_true(heard == KM_MSG_PROMPT || heard == 1000 + KM_REASON_BUSY);
	}
	assert_int_equal(prompts, 64);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
	house_quiet_step(3);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "games", code), PAM_SUCCESS);
	assert_true(office_audited(h, KM_EVENT_TURNED_AWAY, NULL, "too-many-sessions") > 0);
	for (unsigned i = 0; i < WAITING; i++)
		close(fd[i]);
}

static void test_a_house_full_of_logins_still_has_room_for_a_desk(void **state)
{
	const struct house *h = *state;
	unsigned prompts = 0;
	static int fd[WAITING];
	char name[16];

	for (unsigned i = 0; i < WAITING; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		fd[i] = asks(h, name);
		prompts += hears(fd[i]) == KM_MSG_PROMPT;
	}
	assert_int_equal(prompts, 1024 - 16);
	assert_int_equal(house_desk(h, NULL, NULL, "status", NULL), 0);
	for (unsigned i = 0; i < WAITING; i++)
		close(fd[i]);
}

static int setup(void **state)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 2 * WAITING) {
		files.rlim_cur = files.rlim_max < 2 * WAITING ? files.rlim_max : 2 * WAITING;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return office_setup(state);
}

#define CROWD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CROWD_TEST(test_a_thousand_prompts_of_one_login_lock_nobody_else_out),
		CROWD_TEST(test_a_house_full_of_logins_still_has_room_for_a_desk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
