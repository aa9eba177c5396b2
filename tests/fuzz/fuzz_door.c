/*
 * C3, C15: the whole door, from pam_sm_* down, between a peer and a person that do what the input
 * says, while the n-th call of one kind fails. Whoever gets PAM_SUCCESS has an ALLOW that the
 * daemon's uid sent, for this request, this name and this nonce, after every prompt was answered.
 * It never says PAM_IGNORE, and leaves no descriptor, no mapping, no secret.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/factor.h>
#include <kenmon/verdict.h>

#include "door_world.h"

#define ARGS    8
#define SECRETS 32

/* Bytes at the beginning of an input: */
enum head { HEAD_CALLS, HEAD_OPTIONS, HEAD_USER, HEAD_FAULT, HEAD_NTH, HEAD_HOW };
#define CALL_AUTH    0x01u /* HEAD_CALLS */
#define CALL_ACCT    0x02u
#define CALL_OPEN    0x04u
#define CALL_CLOSE   0x08u
#define CALL_SPLIT   0x10u
#define CALL_RENAME  0x20u /* another name between them */
#define CALL_SILENT  0x40u
#define CALL_NO_CONV 0x80u
#define OPT_STRANGER 0x01u /* HEAD_OPTIONS: the daemon is another uid */
#define OPT_DEBUG    0x02u
#define OPT_LANG     0x04u
#define OPT_SHORT    0x08u /* one second */
#define OPT_BAD      0x10u
#define OPT_NOT_ROOT 0x20u

enum act {
	YIELD,
	WELCOME,
	PROMPT,
	INFO,
	RESULT,
	MESSAGE,
	RAW,
	PASS_FD,
	HANG_UP,
	RENAME,
	TIME,
	ACTS
};
enum answer {
	DIGITS,
	TYPED,
	NOTHING,
	FAILURE,
	FAILURE_WITH,
	NO_ARRAY,
	HUGE_ANSWER,
	PEER_FIRST,
	ANSWERS
};

#define LOGIN(calls)                 (calls), 0, 1, 0, 0, 0
#define FAULT(calls, call, nth, how) (calls), 0, 1, (call), (nth), (how)
#define GREETED                      WELCOME, 1
#define ASKED                        PROMPT, 7, YIELD, DIGITS
#define RESULT_OF(verdict)           RESULT, verdict, 1, 0
#define HONEST                       GREETED, ASKED, RESULT_OF(KM_VERDICT_ALLOW)

const struct fuzz_seed fuzz_seeds[] = {
	SEED("login", LOGIN(CALL_AUTH), HONEST),
	SEED("login-account", LOGIN(CALL_AUTH | CALL_ACCT), HONEST, GREETED,
	     RESULT_OF(KM_VERDICT_ALLOW)),
	SEED("sessions", LOGIN(CALL_OPEN | CALL_CLOSE), GREETED, RESULT_OF(KM_VERDICT_ALLOW),
	     GREETED, RESULT_OF(KM_VERDICT_ALLOW)),
	SEED("renamed-between", LOGIN(CALL_AUTH | CALL_ACCT | CALL_RENAME), HONEST, GREETED,
	     RESULT_OF(KM_VERDICT_ALLOW)),
	SEED("renamed-within", LOGIN(CALL_AUTH), GREETED, PROMPT, 7, RENAME, 2, YIELD, DIGITS,
	     RESULT_OF(KM_VERDICT_ALLOW)),
	SEED("split", LOGIN(CALL_SPLIT | CALL_AUTH), TYPED, 12, 'p', 'a', 's', 's', 'w', 'd', '1',
	     '2', '3', '4', '5', '6', GREETED, PROMPT, 7, YIELD, RESULT_OF(KM_VERDICT_ALLOW)),
	SEED("stranger", CALL_AUTH, OPT_STRANGER, 1, 0, 0, 0, HONEST),
	SEED("not-root", CALL_AUTH, OPT_NOT_ROOT | OPT_DEBUG | OPT_LANG, 1, 0, 0, 0, GREETED, ASKED,
	     RESULT, KM_VERDICT_ALLOW, 1, 0x20),
	SEED("early-allow", LOGIN(CALL_AUTH), GREETED, PROMPT, 7, RESULT_OF(KM_VERDICT_ALLOW)),
	SEED("allow-while-typing", LOGIN(CALL_AUTH), GREETED, PROMPT, 7, YIELD, PEER_FIRST,
	     RESULT_OF(KM_VERDICT_ALLOW), YIELD, DIGITS),
	SEED("other-nonce", LOGIN(CALL_AUTH), GREETED, ASKED, RESULT, KM_VERDICT_ALLOW, 1, 0x01),
	SEED("other-kind", LOGIN(CALL_AUTH), GREETED, ASKED, RESULT, KM_VERDICT_ALLOW, 1, 0x02),
	SEED("other-uid", LOGIN(CALL_AUTH), GREETED, ASKED, RESULT, KM_VERDICT_ALLOW, 1, 0x04),
	SEED("other-login", LOGIN(CALL_AUTH), GREETED, ASKED, RESULT, KM_VERDICT_ALLOW, 1, 0x08),
	SEED("other-service", LOGIN(CALL_AUTH), GREETED, ASKED, RESULT, KM_VERDICT_ALLOW, 1, 0x10),
	SEED("no-welcome", LOGIN(CALL_AUTH), RESULT_OF(KM_VERDICT_ALLOW)),
	SEED("retry", LOGIN(CALL_AUTH), GREETED, ASKED, INFO, 1, ASKED, RESULT_OF(KM_VERDICT_DENY)),
	SEED("message", LOGIN(CALL_AUTH), GREETED, PROMPT, 0x41, YIELD, TYPED, 0, INFO, 0, ASKED,
	     RESULT_OF(KM_VERDICT_ALLOW)),
	SEED("call", LOGIN(CALL_AUTH), GREETED, PROMPT, 0x41, YIELD, TYPED, 1, '*', INFO, 2, INFO,
	     0, YIELD, DIGITS, RESULT_OF(KM_VERDICT_ALLOW)),
	SEED("call-of-a-stranger", CALL_AUTH, OPT_STRANGER, 1, 0, 0, 0, GREETED, INFO, 2, YIELD,
	     DIGITS, RESULT_OF(KM_VERDICT_DENY)),
	SEED("call-too-late", LOGIN(CALL_AUTH), GREETED, INFO, 2, YIELD, PEER_FIRST,
	     RESULT_OF(KM_VERDICT_ALLOW), TIME, 0xff, 0xff, YIELD, DIGITS),
	SEED("locked", LOGIN(CALL_AUTH), GREETED, ASKED, RESULT, KM_VERDICT_LOCKED,
	     KM_REASON_LOCKED, 0),
	SEED("gone", LOGIN(CALL_AUTH), GREETED, PROMPT, 7, HANG_UP, DIGITS),
	SEED("silent", LOGIN(CALL_AUTH), YIELD, YIELD, YIELD, YIELD, YIELD),
	SEED("typed-badly", LOGIN(CALL_AUTH), GREETED, PROMPT, 7, YIELD, TYPED, 3, 'a', 'b', 'c',
	     NOTHING, FAILURE),
	SEED("no-memory", FAULT(CALL_AUTH | CALL_ACCT, CALL_MMAP, 1, 0), HONEST),
	SEED("no-send", FAULT(CALL_AUTH, CALL_SENDMSG, 3, 0), HONEST),
	SEED("no-keep", FAULT(CALL_AUTH, CALL_PAM_DATA, 1, 0), HONEST),
	SEED("descriptor", LOGIN(CALL_AUTH), GREETED, PASS_FD),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "123456", "user/", NULL };

static const char *const names[] = {
	"", "hanako", "taro", "root", "HANAKO", "nobody?", "\x1b", NULL
};
static const struct fuzz_ideas ideas = { .words = names };

static struct fuzz_in in;
static struct pam_handle handle;

/* What was said so far in this exchange. */
static struct {
	struct msg_login asked; /* LOGIN as it came */
	bool welcome, genuine, gone;
	unsigned prompts, answers;
	uint16_t shape; /* of the last prompt */
} said;

static char *secret[SECRETS];
static unsigned secrets;

void fuzz_begin(void)
{
}

/* --- the peer ------------------------------------------------------------------------ */

/* Everything the door has sent; only codes may be among it. */
static void peer_hears(void)
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;

	while (km_recv(world.peer, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT) == KM_OK) {
		fuzz_check(km_decode(frame, len, KM_FROM_DOOR, FUZZ_ALL_PHASES, &m) == KM_OK,
			   "the door sends no frame");
		if (m.number == KM_MSG_LOGIN)
			said.asked = m.login;
		if (m.number != KM_MSG_ANSWER)
			continue;
		said.answers++;
		fuzz_check(said.answers <= said.prompts, "an answer to nothing");
		fuzz_check(km_answer_class(&m.answer.secret, said.shape) != KM_CLASS_NONE,
			   "what is no code was sent");
	}
}

/* Is this the word that lets somebody in? */
static bool is_genuine(const struct km_msg *m)
{
	const struct msg_login *a = &said.asked;
	const char *service = m->result.service;

	if (world.euid != 0 && strncmp(service, "user/", 5) == 0)
		service += 5;
	return m->number == KM_MSG_RESULT && m->result.verdict == KM_VERDICT_ALLOW &&
	       said.welcome && said.prompts == said.answers && m->result.kind == a->kind &&
	       m->result.uid == a->uid && strcmp(m->result.login, a->login) == 0 &&
	       strcmp(service, a->service) == 0 &&
	       memcmp(m->result.nonce, a->nonce, sizeof(a->nonce)) == 0;
}

static void peer_says_bytes(const uint8_t *frame, size_t len, int fd)
{
	static struct km_msg m;

	if (km_send(world.peer, frame, len, fd, MSG_DONTWAIT) != KM_OK || len == 0)
		return;
	if (km_decode(frame, len, KM_FROM_JUDGE_OR_VAULT, FUZZ_ALL_PHASES, &m) != KM_OK || fd >= 0)
		return;
	said.genuine |= is_genuine(&m);
	said.welcome |= m.number == KM_MSG_WELCOME;
	if (m.number == KM_MSG_PROMPT) {
		said.prompts++;
		said.shape = m.prompt.shape;
	}
}

static void peer_says(const struct km_msg *m, int fd)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len;

	if (km_encode(m, frame, sizeof(frame), &len) == KM_OK)
		peer_says_bytes(frame, len, fd);
}

/* Right in everything but what the bits say. */
static void peer_decides(void)
{
	struct km_msg m = { .number = KM_MSG_RESULT };
	struct msg_result *r = &m.result;
	uint8_t wrong;

	r->verdict = fuzz_u8(&in);
	r->reason = fuzz_u8(&in);
	wrong = fuzz_u8(&in);
	memcpy(r->nonce, said.asked.nonce, sizeof(r->nonce));
	r->nonce[31] ^= wrong & 0x01;
	r->kind = (uint8_t)(said.asked.kind + (wrong & 0x02));
	r->uid = said.asked.uid + (wrong & 0x04);
	snprintf(r->login, sizeof(r->login), "%.60s%s", said.asked.login, wrong & 0x08 ? "x" : "");
	snprintf(r->service, sizeof(r->service), "%s%.60s%s", wrong & 0x20 ? "user/" : "",
		 said.asked.service, wrong & 0x10 ? "x" : "");
	if (wrong & 0x40)
		r->wait = (uint32_t)fuzz_integer(&in, 4);
	peer_says(&m, -1);
}

static void peer_says_something(enum act act)
{
	static uint8_t raw[KM_FRAME_MAX];
	static struct km_msg m;

	memset(&m, 0, sizeof(m));
	if (act == WELCOME) {
		m.number = KM_MSG_WELCOME;
		m.welcome.version = fuzz_u8(&in);
	} else if (act == PROMPT || act == PASS_FD) {
		m.number = KM_MSG_PROMPT;
		m.prompt.shape = fuzz_u8(&in);
		memcpy(m.prompt.text, "Code: ", 7);
	} else if (act == INFO) {
		m.number = KM_MSG_INFO;
		m.info.error = fuzz_u8(&in);
		memcpy(m.info.text, "No.", 4);
	} else if (act == MESSAGE) {
		fuzz_message(&in, fuzz_u8(&in), &ideas, &m);
	} else {
		peer_says_bytes(raw, fuzz_bytes(&in, raw, 1100), -1);
		return;
	}
	peer_says(&m, act == PASS_FD ? world.peer : -1);
}

static void rename_user(void)
{
	const char *name = names[fuzz_u8(&in) % 7];

	pam_put(&handle, PAM_USER, name);
}

void peer_acts(void)
{
	if (world.peer < 0)
		return;
	peer_hears();
	for (;;) {
		enum act act = in.left ? fuzz_u8(&in) % ACTS : HANG_UP;

		if (act == YIELD)
			return;
		if (act == HANG_UP) {
			shutdown(world.peer, SHUT_RDWR);
			return;
		}
		if (act == RENAME)
			rename_user();
		else if (act == TIME)
			world.clock_ms += (int64_t)fuzz_integer(&in, 2) * 100;
		else if (act == RESULT)
			peer_decides();
		else
			peer_says_something(act);
	}
}

/* --- the person ----------------------------------------------------------------------- */

void line_logged(const char *text)
{
	for (unsigned i = 0; i < secrets; i++)
		fuzz_check(strlen(secret[i]) < 6 || !strstr(text, secret[i]),
			   "a secret is in the log: %s", text);
}

static char *remember(const char *text)
{
	char *copy = strdup(text);

	fuzz_check(copy, "no memory");
	if (secrets < SECRETS)
		secret[secrets++] = strdup(text);
	return copy;
}

char *person_types(void)
{
	enum answer how = fuzz_u8(&in) % ANSWERS;
	char text[4097] = "135790";

	if (how == PEER_FIRST) {
		peer_acts();
		how = fuzz_u8(&in) % ANSWERS;
	}
	if (how == HUGE_ANSWER) {
		memset(text, '7', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
	} else if (how == TYPED) {
		text[fuzz_bytes(&in, (uint8_t *)text, 250)] = '\0';
	} else if (how != DIGITS) {
		return NULL;
	}
	return remember(text);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **out,
		    void *arg)
{
	struct pam_response *r;
	uint8_t how;

	(void)arg;
	world.in_door = false;
	fuzz_check(count == 1 && messages[0]->msg, "not one message");
	line_logged(messages[0]->msg);
	if (messages[0]->msg_style == PAM_ERROR_MSG || messages[0]->msg_style == PAM_TEXT_INFO) {
		world.in_door = true;
		return PAM_SUCCESS;
	}
	how = in.left ? *in.at % ANSWERS : NOTHING;
	r = how == NO_ARRAY ? NULL : calloc(1, sizeof(*r));
	if (r) {
		r->resp = person_types();
		if (r->resp && how != FAILURE_WITH)
			watch_block(r->resp, strlen(r->resp));
		*out = r;
	}
	world.in_door = true;
	if (how != FAILURE && how != FAILURE_WITH)
		return PAM_SUCCESS;
	/* As programs do: they free it and leave the pointer. */
	if (r)
		free(r->resp);
	free(r);
	return PAM_CONV_ERR;
}

/* --- one run ------------------------------------------------------------------------------ */

typedef int pam_call(pam_handle_t *pamh, int flags, int argc, const char **argv);

static int options(uint8_t how, unsigned split, const char *argv[ARGS])
{
	static char daemon[32];
	int n = 0;

	snprintf(daemon, sizeof(daemon), "daemon-user=%u", (unsigned)getuid());
	argv[n++] = how & OPT_STRANGER ? "daemon-user=stranger" : daemon;
	if (how & OPT_DEBUG)
		argv[n++] = "debug";
	if (how & OPT_LANG)
		argv[n++] = "lang=ja";
	argv[n++] = how & OPT_SHORT ? "timeout=1" : "timeout=30";
	if (how & OPT_BAD)
		argv[n++] = "socket=relative";
	if (split)
		argv[n++] = "split=6";
	return n;
}

/* One call of the module, and what must be so after it. */
static void call(pam_call *entry, uint8_t calls, uint8_t how, bool split)
{
	bool session = entry == pam_sm_open_session || entry == pam_sm_close_session;
	const char *argv[ARGS];
	int argc = options(how, split, argv), code;
	unsigned before = fuzz_descriptors();

	memset(&said, 0, sizeof(said));
	world.in_door = true;
	code = entry(&handle, calls & CALL_SILENT ? PAM_SILENT : 0, argc, argv);
	world.in_door = false;
	if (world.peer >= 0) {
		peer_hears();
		close(world.peer);
	}
	world.peer = -1;
	fuzz_check(fuzz_descriptors() == before, "a descriptor is left");
	fuzz_check(code != PAM_IGNORE && code >= 0 && code < _PAM_RETURN_VALUES, "PAM code %d",
		   code);
	fuzz_check(watched_blocks() == 0, "an answer was not freed");
	if (session || code != PAM_SUCCESS)
		return;
	fuzz_check(said.genuine, "let in without ALLOW");
	fuzz_check(!(how & (OPT_STRANGER | OPT_BAD)), "let in by somebody else's word");
	fuzz_check(said.asked.login[0] && handle.item[PAM_USER] &&
		       strcmp(handle.item[PAM_USER], said.asked.login) == 0,
		   "let in under another name");
}

static void begin(const uint8_t head[HEAD_HOW + 1])
{
	static const int errors[] = {
		ENOMEM, EIO, EINTR, EAGAIN, EPIPE, ECONNRESET, EPERM, EMFILE
	};

	world = (struct world){ .peer = -1,
				.call = head[HEAD_FAULT] % CALLS,
				.nth = head[HEAD_NTH] % 64,
				.for_good = head[HEAD_HOW] & 0x80,
				.error = errors[head[HEAD_HOW] % 8],
				.euid = head[HEAD_OPTIONS] & OPT_NOT_ROOT ? 1000 : 0 };
	/* Whoever is interrupted for good tries for good. */
	if (world.error == EINTR || world.error == EAGAIN)
		world.for_good = false;
	pam_begin(&handle);
	handle.has_conv = !(head[HEAD_CALLS] & CALL_NO_CONV);
	handle.conv.conv = converse;
	pam_put(&handle, PAM_USER, head[HEAD_USER] % 8 == 7 ? NULL : names[head[HEAD_USER] % 8]);
	pam_put(&handle, PAM_SERVICE, head[HEAD_USER] & 0x10 ? "su\ndo" : "sshd");
	pam_put(&handle, PAM_TTY, head[HEAD_USER] & 0x20 ? "pts/1" : NULL);
	pam_put(&handle, PAM_RHOST, head[HEAD_USER] & 0x40 ? "host\x1b[1m" : NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[HEAD_HOW + 1], calls;

	in = (struct fuzz_in){ data, size };
	for (size_t i = 0; i < sizeof(head); i++)
		head[i] = fuzz_u8(&in);
	calls = head[HEAD_CALLS];
	begin(head);
	if (calls & CALL_SPLIT)
		call(pam_sm_authenticate, calls, head[HEAD_OPTIONS], true);
	if (calls & CALL_AUTH)
		call(pam_sm_authenticate, calls, head[HEAD_OPTIONS], false);
	if (calls & CALL_RENAME)
		rename_user();
	if (calls & CALL_ACCT)
		call(pam_sm_acct_mgmt, calls, head[HEAD_OPTIONS], false);
	if (calls & CALL_OPEN)
		call(pam_sm_open_session, calls, head[HEAD_OPTIONS], false);
	if (calls & CALL_CLOSE)
		call(pam_sm_close_session, calls, head[HEAD_OPTIONS], false);
	pam_finish(&handle);
	fuzz_check(world.maps == 0, "locked memory is left");
	while (secrets)
		free(secret[--secrets]);
	return 0;
}
