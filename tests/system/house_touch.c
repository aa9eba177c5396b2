/* A house with a fingerprint reader. See house_touch.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kenmon/texts.h>

#include "house_touch.h"
#include "house_office.h"

#define FEED_MS  10000 /* a reader that takes longer to open is broken */
#define KNOCK_MS 200   /* of an enrolment's finger: then it looks whether the enrolment is over */

static char reader[HOUSE_PATH + 16];

const char *finger_reader(void)
{
	return reader;
}

/*
 * In a folder of its own, since the sensor may have any uid and writes nowhere else; within the
 * house, so that it stays as long as that does. One beside it was once taken away for what an
 * earlier test had left, and no reader could be opened any more.
 */
static bool place_reader(const struct house *h)
{
	char folder[HOUSE_PATH + 8];

	snprintf(folder, sizeof(folder), "%s/reader", h->dir);
	snprintf(reader, sizeof(reader), "%s/image", folder);
	return mkdir(folder, 0700) == 0 && chmod(folder, 01777) == 0 &&
	       setenv("FP_VIRTUAL_IMAGE", reader, 1) == 0;
}

bool finger_house(struct house *h, const char *more, bool separate_uids)
{
	static const char stack[] =
	    "auth required KENMON\naccount required KENMON\nsession required KENMON\n";
	static const char *const service[] = { FINGER_ONE, FINGER_FIRST, FINGER_ANYWHERE };
	static char config[1024];
	const struct house_setup setup = { .config = config,
					   .separate_uids = separate_uids,
					   .furnish = place_reader };

	snprintf(config, sizeof(config),
		 "[sensor]\nallow-virtual = yes\n[fingerprint]\ntimeout = %d\n"
		 "[audit]\nrefusals = 1000\n[local]\nservices = %s %s %s\n"
		 "[service %s]\ntries = 1\n[service %s]\nfinger-first = yes\n%s",
		 FINGER_TIMEOUT, FINGER_LOCAL, FINGER_ONE, FINGER_FIRST, FINGER_ONE, FINGER_FIRST,
		 more ? more : "");
	office_close();
	if (!house_start(h, &setup))
		return false;
	for (size_t i = 0; i < sizeof(service) / sizeof(service[0]); i++)
		if (!house_stack(h, service[i], stack))
			return false;
	return true;
}

void finger_house_end(void)
{
	unsetenv("FP_VIRTUAL_IMAGE");
}

static int set_up(void **state, bool separate_uids)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	struct house *h = calloc(1, sizeof(*h));

	*state = h;
	return h && finger_house(h, NULL, separate_uids) && office_add(h, "daemon", 1) == KM_OK &&
		       office_enrol(h, "daemon", &otp, NULL) == KM_OK &&
		       finger_enrol(h, "daemon", "right-index", 1, NULL) == 0
		   ? 0
		   : -1;
}

int finger_setup(void **state)
{
	return set_up(state, false);
}

int finger_setup_apart(void **state)
{
	return set_up(state, true);
}

int finger_teardown(void **state)
{
	int rc = office_teardown(state);

	finger_house_end();
	return rc;
}

/* --- enrolling --------------------------------------------------------------- */

/* Touches the reader until the other end of the pipe is closed. A touch that came too soon is lost,
 * as a person's would be, so nothing is counted. */
static void touch_on(uint32_t identity, int until)
{
	struct picture p;
	char c;

	for (uint32_t impression = 100; read(until, &c, 1) != 0; impression++) {
		finger_paint(identity, impression, &p);
		while (!feed_picture(reader, &p, KNOCK_MS))
			if (read(until, &c, 1) == 0)
				_exit(0);
	}
	_exit(0);
}

int finger_enrol(const struct house *h, const char *login, const char *finger, uint32_t identity,
		 struct house_out *o)
{
	int over[2], status = -1;
	pid_t hand;

	if (pipe2(over, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	hand = fork();
	if (hand == 0) {
		close(over[1]);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			_exit(1);
		touch_on(identity, over[0]);
	}
	if (hand > 0)
		status = house_desk(h, o, NULL, "enroll", "fingerprint", login, "--finger", finger,
				    "--consent-on-paper", NULL);
	close(over[0]);
	close(over[1]);
	if (hand > 0)
		waitpid(hand, NULL, 0);
	return status;
}

/* --- logging in ---------------------------------------------------------------- */

struct hand {
	const struct house *h;
	const struct touch *next;
	const char *trouble;
};

bool finger_touch(const struct house *h, const struct touch *t)
{
	static struct picture p;

	switch (t->kind) {
	case TOUCH_END:
		return true;
	case TOUCH_FINGER:
		finger_paint(t->identity, t->impression, &p);
		return feed_picture(reader, &p, FEED_MS);
	case TOUCH_BLANK:
		memset(p.grey, 225, sizeof(p.grey));
		return feed_picture(reader, &p, FEED_MS);
	case TOUCH_RETRY:
		return feed_command(reader, FEED_RETRY, t->number, FEED_MS);
	case TOUCH_ERROR:
		return feed_command(reader, FEED_ERROR, t->number, FEED_MS);
	case TOUCH_ACT:
		t->act(h);
		return true;
	case TOUCH_UNPLUG:
		return feed_command(reader, FEED_UNPLUG, 0, FEED_MS);
	}
	return false;
}

/* The reader waits when the person is told to touch it, the first time or again. */
static bool says_touch(const char *text)
{
	static const enum km_text texts[] = { KM_TEXT_TOUCH, KM_TEXT_TOUCH_AGAIN,
					      KM_TEXT_TOUCH_TOO_SHORT, KM_TEXT_TOUCH_CENTRE,
					      KM_TEXT_TOUCH_LIFT };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(text, km_text(texts[i], KM_LANG_EN)) == 0)
			return true;
	return false;
}

static void on_message(void *arg, const char *text)
{
	struct hand *hand = arg;

	if (!says_touch(text) || !hand->next || hand->next->kind == TOUCH_END)
		return;
	if (!finger_touch(hand->h, hand->next))
		hand->trouble = "the reader did not take it";
	hand->next++;
}

int finger_login(const struct house *h, struct house_login *l, const struct touch *touches)
{
	struct hand hand = { .h = h, .next = touches };

	l->on_message = on_message;
	l->message_arg = &hand;
	house_login(h, l);
	l->message_arg = NULL;
	if (hand.trouble) {
		char *log = house_log(h);

		fprintf(stderr, "house: %s; what the rooms said:\n%s\n", hand.trouble,
			log ? log : "");
		free(log);
	}
	return l->code;
}

bool finger_said(const struct house_login *l, const char *text)
{
	for (unsigned i = 0; i < l->messages && i < HOUSE_TALK; i++)
		if (strstr(l->message[i], text))
			return true;
	for (unsigned i = 0; i < l->prompts && i < HOUSE_TALK; i++)
		if (strstr(l->prompt[i], text))
			return true;
	return false;
}
