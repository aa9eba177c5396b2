/* The exchange with the daemon, and when ALLOW is believed. */
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>

#include <kenmon/factor.h>
#include <kenmon/verdict.h>

#include "door.h"

/* One call of the module, in locked memory: an answer is in it for a moment. */
struct door {
	pam_handle_t *pamh;
	const struct door_options *opt;
	int flags;
	enum km_request kind;
	struct door_link link;
	unsigned phase; /* enum km_phase */
	enum km_lang lang;
	bool unanswered; /* a prompt is open and its answer was not sent */
	bool told;       /* the person knows why */
	int code;        /* what libpam gets; says no until take_result says yes */
	struct msg_login who;
	struct km_msg in;
	struct km_stamp stamp; /* of in */
	struct km_msg out;
};

_Static_assert(sizeof(struct door) <= DOOR_PAGE, "a call fits a page");

static void door_free(struct door **d)
{
	if (!*d)
		return;
	door_link_close(&(*d)->link);
	door_page_free(*d);
}

static struct door *door_new(pam_handle_t *pamh, int flags, enum km_request kind,
			     const struct door_options *opt)
{
	struct door *d = door_page_new();

	if (!d)
		return NULL;
	d->pamh = pamh;
	d->opt = opt;
	d->flags = flags;
	d->kind = kind;
	d->link.fd = -1;
	d->phase = KM_PHASE_HEARD_NOTHING;
	d->lang = opt->lang;
	d->code = PAM_AUTHINFO_UNAVAIL;
	return d;
}

static void say(struct door *d, bool error, enum km_text text)
{
	door_say(d->pamh, d->flags, error, km_text(text, d->lang));
	d->told = true;
}

static void debug(const struct door *d, const char *what, unsigned number)
{
	if (d->opt->debug)
		pam_syslog(d->pamh, LOG_DEBUG, "%s %s", what, km_message_name(number));
}

int door_pam_code(unsigned verdict, enum km_request kind)
{
	static const struct {
		unsigned verdict;
		int auth, acct;
	} codes[] = {
#define KM_VERDICT(name, byte, auth, acct, meaning) { (byte), (auth), (acct) },
#include <kenmon/verdict.def>
#undef KM_VERDICT
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].verdict == verdict)
			return kind == KM_REQUEST_AUTHENTICATE ? codes[i].auth : codes[i].acct;
	return PAM_AUTHINFO_UNAVAIL;
}

/* --- what the daemon sends; false ends the exchange with d->code ----------- */

static bool take_welcome(struct door *d)
{
	const struct msg_welcome *w = &d->in.welcome;

	if (w->version < KM_PROTOCOL_OLDEST || w->version > KM_PROTOCOL_NEWEST) {
		pam_syslog(d->pamh, LOG_ERR, "the daemon wants protocol %u: refusing", w->version);
		return false;
	}
	d->phase = KM_PHASE_TALK;
	if (!d->opt->lang_given && w->lang < KM_LANG_COUNT)
		d->lang = (enum km_lang)w->lang;
	return true;
}

/* Does the kernel say that what is in d->in came from the vault? */
static bool is_the_vaults(const struct door *d)
{
	return d->stamp.known && d->stamp.uid == d->opt->daemon_uid;
}

/* Tells the daemon that nobody will answer. Whether it arrives changes nothing here. */
static bool give_up(struct door *d, int code)
{
	d->out.number = KM_MSG_ABORT;
	d->out.abort.reason = KM_REASON_ABORTED;
	if (door_link_send(&d->link, &d->out) == KM_OK)
		debug(d, "sent", d->out.number);
	d->code = code;
	return false;
}

/*
 * A telephone will ring, and what is to be done then: the vault's word alone, or a judge could have
 * somebody key in the digits of another login. It is asked like a question. Programs that keep
 * messages until the next question (sshd) would show it too late, and those that show none
 * (PAM_SILENT) not at all. What is typed means nothing, but an old yes is none: whoever comes back
 * after the time for it may be somebody else.
 */
static bool take_call(struct door *d)
{
	struct km_secret typed KM_SECRET = { 0 };
	char text[sizeof(d->in.info.text) + KM_SECRET_MAX];
	int64_t begun = door_link_clock();
	int code;

	if (d->kind != KM_REQUEST_AUTHENTICATE || !is_the_vaults(d)) {
		pam_syslog(d->pamh, LOG_ALERT, "a call not from the daemon's uid %u: refusing",
			   d->opt->daemon_uid);
		return false;
	}
	snprintf(text, sizeof(text), "%s %s", d->in.info.text,
		 km_text(KM_TEXT_PROMPT_CALLED, d->lang));
	code = door_ask(d->pamh, text, true, &typed);
	km_wipe(text, sizeof(text));
	if (code != PAM_SUCCESS)
		return give_up(d, code);
	if (!door_link_in_time(begun)) {
		say(d, true, KM_TEXT_DEADLINE);
		return give_up(d, PAM_AUTHINFO_UNAVAIL);
	}
	door_link_wait_for_person(&d->link);
	return true;
}

static bool take_info(struct door *d)
{
	if (d->in.info.error == KM_INFO_CALL)
		return take_call(d);
	door_say(d->pamh, d->flags, d->in.info.error != KM_INFO_PLAIN, d->in.info.text);
	/* "Touch the reader." What went wrong calls for nothing. */
	if (d->in.info.error == KM_INFO_PLAIN && d->kind == KM_REQUEST_AUTHENTICATE)
		door_link_wait_for_person(&d->link);
	return true;
}

/*
 * An answer that could be a code, in d->out. What could not (sshd's PasswordAuthentication gives
 * the password to every prompt) is wiped here, neither sent nor counted.
 */
static int get_answer(struct door *d)
{
	const struct msg_prompt *p = &d->in.prompt;
	struct km_secret *answer = &d->out.answer.secret;

	if (door_take_code(d->pamh, p->shape, answer))
		return PAM_SUCCESS;
	for (unsigned i = 0; i < DOOR_ASK_MAX; i++) {
		int code = door_ask(d->pamh, p->text, p->echo != 0, answer);

		if (code != PAM_SUCCESS)
			return code;
		if (km_answer_class(answer, p->shape) != KM_CLASS_NONE)
			return PAM_SUCCESS;
		km_secret_wipe(answer);
		say(d, true, KM_TEXT_CODE_SHAPE);
	}
	return PAM_AUTH_ERR;
}

/* A finger, or a code that is on its way, follows: nothing was answered that could be checked. */
static bool waits_for_person(const struct km_secret *answer)
{
	return answer->len == 0 || (answer->len == 1 && answer->bytes[0] == '*');
}

static bool take_prompt(struct door *d)
{
	km_rc rc = KM_ECLOSED;
	bool waits;
	int code;

	if (d->kind != KM_REQUEST_AUTHENTICATE) {
		pam_syslog(d->pamh, LOG_ERR,
			   "the daemon asks where there is nothing to ask: refusing");
		return false;
	}
	km_msg_wipe(&d->out);
	d->out = (struct km_msg){ .number = KM_MSG_ANSWER };
	d->told = false;
	code = get_answer(d);
	if (code != PAM_SUCCESS) {
		km_msg_wipe(&d->out);
		return give_up(d, code);
	}
	waits = waits_for_person(&d->out.answer.secret);
	/* Something came while the person typed: the daemon gave up, and the code stays here. */
	if (!door_link_ready(&d->link))
		rc = door_link_send(&d->link, &d->out);
	if (rc == KM_OK)
		debug(d, "sent", d->out.number);
	km_msg_wipe(&d->out);
	/* A daemon that has gone may have left its result; any other failure is the end. */
	d->unanswered = rc != KM_OK;
	if (waits && rc == KM_OK)
		door_link_wait_for_person(&d->link);
	return rc == KM_OK || rc == KM_ECLOSED;
}

/*
 * Is it this request that was allowed? The judge stands between: it could have an account looked
 * at, or a service with fewer steps, and hand the vault's word for that on as ours.
 */
static bool is_ours(const struct door *d)
{
	const struct msg_result *r = &d->in.result;
	const char *service = r->service;

	/* Of a caller who is not root, the service is filed under user/. */
	if (geteuid() != 0 && strncmp(service, DOOR_USER_SERVICE, strlen(DOOR_USER_SERVICE)) == 0)
		service += strlen(DOOR_USER_SERVICE);
	return r->kind == d->kind && r->uid == d->who.uid && strcmp(service, d->who.service) == 0;
}

/* Everything that must be so before ALLOW is true. */
static int believe(struct door *d)
{
	const struct msg_result *r = &d->in.result;

	if (d->phase != KM_PHASE_TALK || d->unanswered) {
		pam_syslog(d->pamh, LOG_ERR, "ALLOW before an answer: refusing");
		return PAM_AUTHINFO_UNAVAIL;
	}
	if (!is_the_vaults(d)) {
		pam_syslog(d->pamh, LOG_ALERT,
			   "ALLOW not from the daemon's uid %u but from %u: refusing",
			   d->opt->daemon_uid, d->stamp.uid);
		return PAM_AUTHINFO_UNAVAIL;
	}
	if (!is_ours(d)) {
		pam_syslog(d->pamh, LOG_ALERT, "ALLOW for something else than was asked: refusing");
		return PAM_AUTHINFO_UNAVAIL;
	}
	if (!km_equal(r->login, strlen(r->login), d->who.login, strlen(d->who.login)) ||
	    !door_is_still(d->pamh, &d->who)) {
		pam_syslog(d->pamh, LOG_ALERT, "the user name changed during the login: refusing");
		return PAM_AUTH_ERR;
	}
	if (d->kind == KM_REQUEST_AUTHENTICATE && !door_keep_name(d->pamh, d->who.login))
		return PAM_BUF_ERR;
	return PAM_SUCCESS;
}

static void say_reason(struct door *d)
{
	const struct msg_result *r = &d->in.result;
	enum km_text text = km_reason_text(r->reason);
	char line[512];

	if (text == KM_TEXT_LOCKED && r->wait == 0)
		text = KM_TEXT_LOCKED_FOR_GOOD;
	/* An account check asked for no code. */
	if (text == KM_TEXT_CODE_WRONG && d->kind != KM_REQUEST_AUTHENTICATE)
		text = KM_TEXT_REFUSED;
	km_text_number(text, d->lang, r->wait, line, sizeof(line));
	door_say(d->pamh, d->flags, true, line);
	d->told = true;
}

static bool take_result(struct door *d)
{
	const struct msg_result *r = &d->in.result;
	int code = door_pam_code(r->verdict, d->kind);

	if (!km_equal(r->nonce, sizeof(r->nonce), d->who.nonce, sizeof(d->who.nonce))) {
		pam_syslog(d->pamh, LOG_ERR, "a result for another login: refusing");
		return false;
	}
	if (code == PAM_SUCCESS) {
		d->code = believe(d);
		return false;
	}
	d->code = code;
	say_reason(d);
	return false;
}

static bool next(struct door *d)
{
	static const struct {
		uint8_t number;
		bool (*take)(struct door *d);
	} handlers[] = {
		{ KM_MSG_WELCOME, take_welcome },
		{ KM_MSG_PROMPT, take_prompt },
		{ KM_MSG_INFO, take_info },
		{ KM_MSG_RESULT, take_result },
	};
	km_rc rc = door_link_recv(&d->link, d->phase, &d->in, &d->stamp);

	if (rc != KM_OK) {
		pam_syslog(d->pamh, LOG_ERR, "no result: %s", km_rc_text(rc, KM_LANG_EN));
		return false;
	}
	debug(d, "got", d->in.number);
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].number != d->in.number)
			continue;
		/* An open prompt that was not answered leaves only a result to come. */
		if (d->unanswered && d->in.number != KM_MSG_RESULT)
			break;
		return handlers[i].take(d);
	}
	pam_syslog(d->pamh, LOG_ERR, "%s out of place: refusing", km_message_name(d->in.number));
	return false;
}

/* --- what the door sends first --------------------------------------------- */

static km_rc greet(struct door *d)
{
	km_rc rc = door_link_open(&d->link, d->opt->socket, d->opt->timeout);

	if (rc != KM_OK)
		return rc;
	d->out = (struct km_msg){ .number = KM_MSG_HELLO };
	d->out.hello.kind = KM_CLIENT_DOOR;
	d->out.hello.oldest = KM_PROTOCOL_OLDEST;
	d->out.hello.newest = KM_PROTOCOL_NEWEST;
	rc = door_link_send(&d->link, &d->out);
	if (rc != KM_OK)
		return rc;
	d->out = (struct km_msg){ .number = KM_MSG_LOGIN, .login = d->who };
	return door_link_send(&d->link, &d->out);
}

static int prepare(struct door *d)
{
	static const char *const lang_names[KM_LANG_COUNT] = { "en", "ja" };
	int code = door_who(d->pamh, &d->who);

	if (code != PAM_SUCCESS)
		return code;
	d->who.kind = (uint8_t)d->kind;
	if (d->opt->lang_given)
		memcpy(d->who.lang, lang_names[d->opt->lang], sizeof("en"));
	/* Another name than the one this handle let in is nobody whose account is to be checked. */
	if (d->kind == KM_REQUEST_ACCOUNT && !door_kept_name_is(d->pamh, d->who.login)) {
		pam_syslog(d->pamh, LOG_ALERT, "the user name changed after the login: refusing");
		return PAM_AUTH_ERR;
	}
	if (km_random(d->who.nonce, sizeof(d->who.nonce)) != KM_OK)
		return PAM_AUTHINFO_UNAVAIL;
	return PAM_SUCCESS;
}

int door_login(pam_handle_t *pamh, int flags, enum km_request kind, const struct door_options *opt)
{
	struct door *d __attribute__((cleanup(door_free))) = door_new(pamh, flags, kind, opt);
	int code;
	km_rc rc;

	if (!d)
		return PAM_BUF_ERR;
	code = prepare(d);
	if (code == PAM_SUCCESS) {
		rc = greet(d);
		if (rc != KM_OK)
			pam_syslog(pamh, LOG_ERR, "no daemon at %s: %s", opt->socket,
				   km_rc_text(rc, KM_LANG_EN));
		while (rc == KM_OK && next(d))
			;
		code = d->code;
	}
	if (code == PAM_AUTHINFO_UNAVAIL && !d->told)
		say(d, true, KM_TEXT_UNAVAILABLE);
	else if (code == PAM_AUTH_ERR && !d->told)
		say(d, true, KM_TEXT_REFUSED);
	return code;
}
