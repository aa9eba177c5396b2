/*
 * Kill -9 of the courier in every state of a call, in a login with real rooms and real libpam. sipp
 * is the telephone, and the one who kills: at a place of its scenario. Whoever logs in hears that
 * it is not known what became of the call, and uses another factor; nobody is called a second time;
 * the courier that comes back makes the next call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_calls.h"

#define LONG_MS 6000 /* of the sounds in which somebody is killed */
#define KILL    "<nop><action><exec command=\"kill -9 @PID@\"/></action></nop>\n"

static struct exchange line; /* its address and sounds alone: the courier is the house's */
static struct house *h;
static unsigned counter; /* of the next code of the token */

static int begin(const char *mode)
{
	counter = 0;
	exchange_make(&line, SOCK_DGRAM);
	exchange_tone(&line, "prompts/en/thanks.wav", LONG_MS, 1);
	exchange_tone(&line, "prompts/en/code.wav", LONG_MS, 2);
	return calls_house(&h, &line, mode) ? 0 : -1;
}

static int begin_keypad(void **state)
{
	(void)state;
	return begin("keypad");
}

static int begin_confirm(void **state)
{
	(void)state;
	return begin("confirm");
}

static int begin_spoken(void **state)
{
	(void)state;
	return begin("spoken");
}

static int end(void **state)
{
	void *house = h;

	(void)state;
	exchange_close(&line);
	return office_teardown(&house);
}

/* --- the telephone that kills ------------------------------------------------------------ */

static pid_t telephone, courier;

static void pick_up(const char *scenario, const char *keys)
{
	const char *at = strstr(scenario, "@PID@");
	char whole[4096];

	courier = house_room(h, "kenmon-courier");
	assert_true(courier > 0);
	assert_non_null(at);
	assert_true(snprintf(whole, sizeof(whole), "%.*s%d%s", (int)(at - scenario), scenario,
			     (int)courier, at + 5) < (int)sizeof(whole));
	keys_save(&line, keys);
	telephone = telephone_start(&line, "u1", whole, 1);
}

/* What the telephone does, with the digits of the screen in the place of '%'. */
struct row {
	const char *name, *scenario, *keys;
};

static bool at_the_call(void *arg, unsigned prompt)
{
	const struct row *row = ((void **)arg)[0];
	const struct house_login *l = ((void **)arg)[1];
	char keys[64] = "";
	size_t n = 0;

	if (prompt != 1)
		return true;
	for (const char *k = row->keys; *k; k++) {
		if (*k != '%')
			keys[n++] = *k;
		for (const char *c = l->prompt[1]; *k == '%' && *c && n < 40; c++)
			if (*c >= '0' && *c <= '9')
				keys[n++] = *c;
	}
	pick_up(row->scenario, keys);
	return true;
}

/* --- what holds after it ------------------------------------------------------------------- */

static int listen_there(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) },
				  .sin_port = htons((uint16_t)line.port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	int rc = -1;

	assert_true(fd >= 0);
	/* The shell that sipp has killed with may hold its socket for a moment. */
	for (unsigned i = 0; i < 1000 && rc < 0; i++) {
		rc = bind(fd, (struct sockaddr *)&at, sizeof(at));
		if (rc < 0)
			usleep(5000);
	}
	assert_int_equal(rc, 0);
	return fd;
}

static bool rings(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[2048] = "";

	while (poll(&p, 1, ms) == 1)
		if (recv(fd, text, sizeof(text) - 1, 0) > 0 && strncmp(text, "INVITE ", 7) == 0)
			return true;
	return false;
}

/* The one that came back calls nobody by itself, and whom it is told to. */
static void only_the_next_login_calls(void)
{
	int fd = listen_there();
	struct house_login l = { .user = NULL };
	pid_t busy;

	assert_true(house_wait_room(h, "kenmon-courier", courier) > 0);
	assert_false(rings(fd, 500));
	close(fd);
	busy = telephone_start(&line, "u1", TAKE_CALL REFUSE("486 Busy Here"), 1);
	for (unsigned i = 0; i < 100 && !phone_said(&l, KM_TEXT_ORDER_BUSY); i++)
		(void)phone_blind(h, &l, "daemon", (const char *const[]){ ENTER, ENTER, NULL });
	assert_true(phone_said(&l, KM_TEXT_ORDER_BUSY));
	telephone_content(&line, busy);
}

static int log_in(const struct row *row, struct house_login *l,
		  bool (*before)(void *arg, unsigned prompt))
{
	static char token[16];
	static const char *const keypad[] = { ENTER, ENTER, token, NULL };
	static const char *const spoken[] = { ENTER, token, NULL };
	static void *arg[2];

	arg[0] = (void *)(uintptr_t)row;
	arg[1] = l;
	house_hotp(token, OFFICE_SECRET, 6, counter);
	*l = (struct house_login){ .user = "daemon",
				   .answers = row ? keypad : spoken,
				   .before_answer = before,
				   .arg = arg };
	return house_login(h, l);
}

static void killed_in_a_login(const struct row *row)
{
	struct house_login l;
	int fails = office_fails(h, "daemon", KM_FACTOR_VOICE);

	print_message("# %s\n", row->name);
	assert_int_equal(log_in(row, &l, at_the_call), PAM_SUCCESS);
	counter++;
	telephone_content(&line, telephone);
	assert_int_equal(l.prompts, 3);
	assert_string_equal(l.prompt[2], km_text(KM_TEXT_PROMPT_PHONE, KM_LANG_EN));
	assert_true(phone_said(&l, KM_TEXT_ORDER_CALL_CUT));
	/* Nobody has guessed anything. */
	assert_int_equal(office_fails(h, "daemon", KM_FACTOR_VOICE), fails);
	only_the_next_login_calls();
}

static void
test_a_courier_killed_in_any_state_of_a_call_leaves_a_doubt_and_another_factor(void **state)
{
	static const struct row rows[] = {
		{ "queued", TAKE_CALL KILL, "1" },
		{ "ringing", TAKE_CALL RING PAUSE("300") KILL, "1" },
		{ "answered", TAKE_CALL RING ANSWER PAUSE("300") KILL, "1" },
		{ "keys half in", TAKE_CALL RING ANSWER PLAY PAUSE("900") KILL, "12" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		killed_in_a_login(&rows[i]);
}

static void
test_a_courier_killed_while_it_waits_for_a_confirmation_leaves_a_doubt_and_another_factor(
    void **state)
{
	static const struct row row = { "confirm", TAKE_CALL RING ANSWER PAUSE("300") KILL, "1" };

	(void)state;
	killed_in_a_login(&row);
}

/* --- of a desk ----------------------------------------------------------------------------- */

/* Whoever tries a number is not told that it works. */
static void test_a_courier_killed_in_a_test_call_has_not_reached_anybody(void **state)
{
	struct km_msg m = { .number = KM_MSG_COURIER_TEST, .courier_test.factor = KM_FACTOR_VOICE };

	(void)state;
	snprintf(m.courier_test.number, sizeof(m.courier_test.number), LANDLINE);
	pick_up(TAKE_CALL RING ANSWER PAUSE("300") KILL, "1");
	assert_int_equal(office_do(h, &m, NULL), KM_ENOTSENT);
	telephone_content(&line, telephone);
	only_the_next_login_calls();
}

static bool is_written_down(enum km_event event, const char *text)
{
	for (unsigned i = 0; i < 2000; i++) {
		if (office_audited(h, event, "daemon", text) == 1)
			return true;
		usleep(10000);
	}
	return false;
}

/* The number is changed all the same; that its owner was not told is in the trail. */
static void test_a_courier_killed_while_it_gives_notice_leaves_it_to_the_trail(void **state)
{
	struct km_msg m = { .number = KM_MSG_ENROL_PHONE, .enrol_phone.factor = KM_FACTOR_VOICE };

	(void)state;
	snprintf(m.enrol_phone.login, sizeof(m.enrol_phone.login), "daemon");
	snprintf(m.enrol_phone.number, sizeof(m.enrol_phone.number), "03-8765-4321");
	pick_up(TAKE_CALL RING ANSWER PAUSE("300") KILL, "1");
	assert_int_equal(office_do(h, &m, NULL), KM_OK);
	telephone_content(&line, telephone);
	assert_true(is_written_down(KM_EVENT_CODE_NOT_SENT, "notice-call"));
	only_the_next_login_calls();
}

/* Its keys were told, and it says goodbye: the login is through, and stays so. */
static void test_a_courier_killed_while_it_says_goodbye_takes_nothing_back(void **state)
{
	static const struct row row = { "ending", TAKE_CALL RING ANSWER PLAY PAUSE("3500") KILL,
					"%#" };
	struct house_login l;

	(void)state;
	assert_int_equal(log_in(&row, &l, at_the_call), PAM_SUCCESS);
	assert_int_equal(l.prompts, 2);
	telephone_content(&line, telephone);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", "factor=voice"), 1);
	only_the_next_login_calls();
}

static bool after_the_kill(void *arg, unsigned prompt)
{
	(void)arg;
	if (prompt == 1)
		telephone_content(&line, telephone);
	return true;
}

/* Half of it was heard, perhaps: it is not read again, and another factor opens. */
static void test_a_courier_killed_while_it_reads_a_code_does_not_read_it_again(void **state)
{
	struct house_login l;

	(void)state;
	pick_up(TAKE_CALL RING ANSWER PLAY PAUSE("1500") KILL, "#");
	assert_int_equal(log_in(NULL, &l, after_the_kill), PAM_SUCCESS);
	counter++;
	assert_string_equal(l.prompt[1], km_text(KM_TEXT_PROMPT_SPOKEN, KM_LANG_EN));
	only_the_next_login_calls();
}

/* --- a courier whose vault is the test ------------------------------------------------------- */

/* Killed as soon as it has said this: the next courier calls nobody but whom it is told to. */
static void killed_at(enum km_order_state state, enum km_order kind, const char *digits,
		      const char *scenario, const char *keys)
{
	struct exchange e;
	pid_t phone;
	int status;

	exchange_open(&e, "transport = udp\nmedia = rtp\n");
	keys_save(&e, keys);
	phone = telephone_start(&e, "u1", scenario, 1);
	exchange_order(&e, kind, digits, 60);
	assert_true(exchange_until(&e, state));
	assert_int_equal(kill(e.courier, SIGKILL), 0);
	assert_int_equal(waitpid(e.courier, &status, 0), e.courier);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	telephone_stop(phone);
	close(e.vault);
	close(e.listener);
	exchange_start(&e);
	keys_save(&e, "31#");
	phone = telephone_start(&e, "u1", TAKE_CALL RING ANSWER PLAY HUNG_UP, 1);
	assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""),
			    "queued ringing answered keyed:31");
	telephone_content(&e, phone); /* which was called once */
	exchange_close(&e);
}

static void test_a_courier_killed_in_any_state_of_a_call_repeats_none(void **state)
{
	static const struct {
		enum km_order_state state;
		enum km_order kind;
		const char *digits, *keys;
	} answered[] = {
		{ KM_ORDER_STATE_ANSWERED, KM_ORDER_KEYPAD, "", "12" },
		{ KM_ORDER_STATE_KEYED, KM_ORDER_KEYPAD, "", "12#" },
		{ KM_ORDER_STATE_ANSWERED, KM_ORDER_SPOKEN, "407", "#" },
		{ KM_ORDER_STATE_ANSWERED, KM_ORDER_CONFIRM, "", "1" },
		{ KM_ORDER_STATE_ANSWERED, KM_ORDER_CALL_TEST, "", "1" },
		{ KM_ORDER_STATE_ANSWERED, KM_ORDER_CALL_NOTICE, "", "1" },
	};

	(void)state;
#define WAITS PAUSE("60000")
	killed_at(KM_ORDER_STATE_QUEUED, KM_ORDER_KEYPAD, "", TAKE_CALL WAITS, "1");
	killed_at(KM_ORDER_STATE_RINGING, KM_ORDER_KEYPAD, "", TAKE_CALL RING WAITS, "1");
	for (size_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++)
		killed_at(answered[i].state, answered[i].kind, answered[i].digits,
			  TAKE_CALL RING ANSWER PLAY WAITS, answered[i].keys);
}

int main(void)
{
	const struct CMUnitTest keypad[] = {
		/* In this order: each uses the next code of one token. */
		cmocka_unit_test(
		    test_a_courier_killed_in_any_state_of_a_call_leaves_a_doubt_and_another_factor),
		cmocka_unit_test(test_a_courier_killed_while_it_says_goodbye_takes_nothing_back),
	};
	const struct CMUnitTest confirm[] = {
		cmocka_unit_test(
		    test_a_courier_killed_while_it_waits_for_a_confirmation_leaves_a_doubt_and_another_factor),
		cmocka_unit_test(test_a_courier_killed_in_a_test_call_has_not_reached_anybody),
		cmocka_unit_test(
		    test_a_courier_killed_while_it_gives_notice_leaves_it_to_the_trail),
	};
	const struct CMUnitTest spoken[] = {
		cmocka_unit_test(
		    test_a_courier_killed_while_it_reads_a_code_does_not_read_it_again),
	};
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(test_a_courier_killed_in_any_state_of_a_call_repeats_none),
	};

	return cmocka_run_group_tests_name("alone", alone, NULL, NULL) +
	       cmocka_run_group_tests_name("keypad", keypad, begin_keypad, end) +
	       cmocka_run_group_tests_name("confirm", confirm, begin_confirm, end) +
	       cmocka_run_group_tests_name("spoken", spoken, begin_spoken, end);
}
