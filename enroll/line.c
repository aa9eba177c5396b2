/* The private line: reaching the vault through the judge, and talking to it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/sock.h>
#include <kenmon/verdict.h>

#include "line.h"
#include "line_op.h"
#include "terminal.h"

#define FRAME_CAP  KM_FRAME_MAX
#define GREET_TIME 15 /* seconds: judge and vault answer in milliseconds, or are starting */
#define OPERATE_TIME                                                                               \
	120          /* seconds between two frames: an erasure empties the logs on a slow disk */
#define STOP_TIME 10 /* seconds until an ABORT is answered: the vault only lets go */
#define NONCE     32

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
#define DESK_FD __attribute__((cleanup(close_fd)))

/*
 * The judge reads bytes from every local user, so what comes through its socket
 * is believed only under the kernel's stamp of the daemon user, whose process
 * holds the secrets anyway. Root and our own uid are believed as well: a
 * process of either could already do everything that this one can (trace it,
 * take its terminal, read the files it reads), so a stamp of theirs gains
 * nothing, and a vault started with --spawn by the caller has that uid.
 */
bool desk_believes(const struct desk *d, const struct km_stamp *stamp)
{
	return stamp->known &&
	       (stamp->uid == d->daemon_uid || stamp->uid == d->self || stamp->uid == 0);
}

static void set_time(int fd, int seconds)
{
	struct timeval t = { .tv_sec = seconds };

	/* On failure we wait without a limit, and the person presses ctrl-C. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

/* One frame; *passed and stamp may be NULL. */
static km_rc receive(int fd, unsigned from, unsigned phases, struct km_msg *m, int *passed,
		     struct km_stamp *stamp)
{
	static uint8_t frame[FRAME_CAP]; /* what a row spans stays until the next one */
	size_t len = 0;
	km_rc rc = km_recv(fd, frame, sizeof(frame), &len, passed, stamp, 0);

	if (rc == KM_EAGAIN)
		return KM_ETIMEOUT;
	if (rc == KM_EIO) /* of the socket: what the vault stored is another matter */
		return KM_ECLOSED;
	return rc == KM_OK ? km_decode(frame, len, from, phases, m) : rc;
}

static km_rc greet(int fd, const uint8_t nonce[NONCE])
{
	struct km_msg m = { .number = KM_MSG_HELLO };
	km_rc rc;

	m.hello.kind = KM_CLIENT_DESK;
	m.hello.oldest = KM_PROTOCOL_OLDEST;
	m.hello.newest = KM_PROTOCOL_NEWEST;
	rc = km_send_msg(fd, &m, -1, 0);
	if (rc != KM_OK)
		return rc;
	memset(&m, 0, sizeof(m));
	m.number = KM_MSG_DESK;
	memcpy(m.desk.nonce, nonce, NONCE);
	rc = km_send_msg(fd, &m, -1, 0);
	/* A judge that turned us away at HELLO has closed; its reason is still to be read. */
	return rc == KM_ECLOSED ? KM_OK : rc;
}

/* A refusal instead of the line. It is no ALLOW, so nobody's stamp is needed. */
static km_rc refused(struct desk *d, const struct msg_result *r)
{
	const char *text = km_text(km_reason_text(r->reason), d->lang);

	if (r->verdict == KM_VERDICT_UNAVAILABLE || r->reason == KM_REASON_BUSY)
		return desk_because(d, KM_EUNAVAIL, DESK_LINE_UNAVAILABLE, text, NULL);
	return desk_because(d, KM_EPERM, DESK_LINE_REFUSED, km_reason_word(r->reason), NULL);
}

static km_rc take_line(struct desk *d, const struct km_msg *m, const struct km_stamp *stamp,
		       const uint8_t nonce[NONCE], int *line)
{
	if (!desk_believes(d, stamp))
		return desk_because(d, KM_EPERM, DESK_LINE_STAMP, NULL, NULL);
	if (!km_equal(m->desk_line.nonce, NONCE, nonce, NONCE) || *line < 0)
		return desk_because(d, KM_EPROTO, DESK_LINE_NONCE, NULL, NULL);
	set_time(*line, OPERATE_TIME);
	d->line = *line;
	*line = -1;
	return KM_OK;
}

/* Waits for WELCOME and then the line. */
static km_rc await_line(struct desk *d, int fd, const uint8_t nonce[NONCE])
{
	unsigned phase = KM_PHASE_HEARD_NOTHING;

	for (;;) {
		struct km_msg m = { 0 };
		struct km_stamp stamp = { 0 };
		DESK_FD int passed = -1;
		km_rc rc = receive(fd, KM_FROM_JUDGE_OR_VAULT, phase, &m, &passed, &stamp);

		if (rc != KM_OK)
			return rc;
		if (m.number == KM_MSG_RESULT)
			return refused(d, &m.result);
		if (m.number == KM_MSG_DESK_LINE)
			return take_line(d, &m, &stamp, nonce, &passed);
		if (m.number != KM_MSG_WELCOME || passed >= 0 ||
		    m.welcome.version < KM_PROTOCOL_OLDEST ||
		    m.welcome.version > KM_PROTOCOL_NEWEST)
			return KM_EPROTO;
		phase = KM_PHASE_TALK;
	}
}

void desk_close(struct desk *d)
{
	close_fd(&d->line);
}

/* Apps show "123 456", and that is how people type it. */
static void strip_blanks(struct km_secret *s)
{
	uint16_t i, to = 0;

	for (i = 0; i < s->len; i++) {
		if (s->bytes[i] != ' ')
			s->bytes[to++] = s->bytes[i];
	}
	km_wipe(s->bytes + to, (size_t)(s->len - to));
	s->len = to;
}

static km_rc send_abort(struct desk *d)
{
	struct km_msg m = { .number = KM_MSG_ABORT };

	m.abort.reason = KM_REASON_ABORTED;
	return km_send_msg(d->line, &m, -1, 0);
}

/*
 * A prompt: asked at the terminal. What cannot be an answer by its shape is not
 * sent, so that a slip of the keyboard is not counted as a wrong code.
 */
static km_rc answer(struct desk *d, struct desk_operation *o, const struct msg_prompt *p)
{
	struct km_msg m DESK_MSG = { .number = KM_MSG_ANSWER };
	char text[sizeof(p->text) * 8]; /* a translation may have more bytes */
	km_rc rc;

	desk_prompt_text(d, p, text, sizeof(text));
	do {
		rc = desk_ask(d, text, p->echo != 0, &m.answer.secret);
		if (rc == KM_EABORTED) {
			o->aborted = true;
			return send_abort(d);
		}
		if (rc == KM_EAGAIN) { /* the vault has something to say first */
			o->prompt = *p;
			o->open = true;
			return KM_OK;
		}
		if (rc == KM_OK && p->shape)
			strip_blanks(&m.answer.secret);
		if (rc == KM_OK && (!p->shape || km_answer_class(&m.answer.secret, p->shape)))
			return km_send_msg(d->line, &m, -1, 0);
		km_secret_wipe(&m.answer.secret);
		desk_warn(d, DESK_ANSWER_SHAPE, NULL, NULL);
	} while (rc == KM_OK || rc == KM_ELIMIT);
	return rc;
}

/* A prompt that this came before is still to be answered. */
static km_rc take_row(struct desk *d, struct desk_operation *o, const struct km_msg *m)
{
	struct msg_prompt prompt = o->prompt;
	km_rc rc = o->row ? o->row(d, o->arg, m) : KM_EPROTO;
	bool open = o->open;

	o->rows++;
	o->open = false;
	return rc == KM_OK && open ? answer(d, o, &prompt) : rc;
}

static km_rc take_frame(struct desk *d, struct desk_operation *o, const struct km_msg *m)
{
	if (m->number != KM_MSG_PROMPT)
		return take_row(d, o, m);
	o->open = false;
	if (m->prompt.shape & KM_SHAPE_OWN)
		return answer(d, o, &m->prompt);
	if (!o->asks)
		return KM_EPROTO;
	o->prompts++;
	/* Not before a binding code was right. */
	if (o->before && !o->told && (m->prompt.shape & KM_SHAPE_CODE)) {
		km_rc rc = o->before(d, o->arg);

		o->told = true;
		if (rc != KM_OK)
			return rc;
	}
	return answer(d, o, &m->prompt);
}

/*
 * Waits for the next frame of an operation that may be stopped. The first
 * signal asks the vault to stop, and the result is still DONE's: it may have
 * come to an end in that moment. At the second we wait no longer.
 */
static km_rc await_frame(struct desk *d, struct desk_operation *o, const struct desk_stops *stops)
{
	km_rc rc = desk_stops_await(stops, d->line, o->aborted ? STOP_TIME : o->patience);

	if (rc == KM_EABORTED && !o->aborted) {
		o->aborted = true;
		rc = send_abort(d);
		if (rc == KM_OK)
			rc = desk_stops_await(stops, d->line, STOP_TIME);
	}
	return rc;
}

static km_rc await_done(struct desk *d, struct desk_operation *o, const struct desk_stops *stops)
{
	km_rc rc = KM_OK;

	while (rc == KM_OK) {
		struct km_msg m; /* km_decode sets all of it */

		if (stops)
			rc = await_frame(d, o, stops);
		if (rc == KM_OK)
			rc = receive(d->line, KM_FROM_VAULT, KM_PHASE_DESK_TALK, &m, NULL, NULL);
		if (rc != KM_OK)
			break;
		if (m.number == KM_MSG_DONE) {
			if (memcmp(m.done.op, o->request->status.op, sizeof(m.done.op)) != 0)
				return desk_because(d, KM_EPROTO, DESK_DONE_OTHER, NULL, NULL);
			o->done = m.done;
			return KM_OK;
		}
		rc = take_frame(d, o, &m);
	}
	return rc;
}

/* A reason of the vault says all that the sentence of such an rc does. */
static bool is_said_by_its_reason(km_rc rc)
{
	return rc == KM_EINVAL || rc == KM_ENOTFOUND || rc == KM_EEXIST || rc == KM_ESTATE ||
	       rc == KM_ELIMIT;
}

/* What DONE says: the rc's sentence, and the vault's own words behind it or in its place. */
static km_rc ended(struct desk *d, const struct desk_operation *o)
{
	km_rc rc = km_rc_from_wire(o->done.rc);
	char text[sizeof(o->done.text) * 2], said[sizeof(o->done.text)];
	bool alone = is_said_by_its_reason(rc);

	d->filed = rc == KM_EFILED ? o->done.id : 0;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)o->done.id);
	if (rc == KM_EFILED)
		return desk_because(d, rc, DESK_FILED, text, NULL);
	if (rc != KM_OK && o->done.text[0])
		snprintf(d->why, sizeof(d->why), "%s%s%s", alone ? "" : km_rc_text(rc, d->lang),
			 alone ? "" : ": ",
			 km_escape(desk_reason(o->done.text, d->lang, said, sizeof(said)), text,
				   sizeof(text)));
	return rc;
}

/* Texts and rosters are longer than what km_send_msg() sends. */
static km_rc send_request(const struct desk *d, const struct km_msg *m)
{
	static uint8_t frame[FRAME_CAP];
	size_t len = 0;
	km_rc rc = km_encode(m, frame, sizeof(frame), &len);

	if (rc == KM_OK)
		rc = km_send(d->line, frame, len, -1, 0);
	km_wipe(frame, len);
	return rc;
}

/* From the request to DONE, on the line that is there. */
static km_rc converse(struct desk *d, struct desk_operation *o)
{
	struct desk_stops stops;
	km_rc rc;

	if (o->patience)
		desk_stops_begin(&stops);
	rc = send_request(d, o->request);
	if (rc == KM_OK)
		rc = await_done(d, o, o->patience ? &stops : NULL);
	else if (rc == KM_EAGAIN)
		rc = KM_ETIMEOUT;
	if (o->patience)
		desk_stops_end(&stops);
	/* Asked to stop, and never told whether it was in time. */
	if (rc != KM_OK && o->aborted && o->patience)
		return desk_because(d, KM_EABORTED, DESK_STOPPED_UNSURE, NULL, NULL);
	return rc;
}

static km_rc reach_vault(struct desk *d)
{
	uint8_t nonce[NONCE];
	DESK_FD int fd = -1;
	km_rc rc = km_random(nonce, sizeof(nonce));

	if (rc == KM_OK)
		rc = km_connect(d->socket, true, &fd);
	if (rc == KM_EUNAVAIL)
		return desk_because(d, rc, DESK_NO_DAEMON, d->socket, NULL);
	if (rc == KM_EPERM)
		return desk_because(d, rc, DESK_NO_ENTRY, d->socket, NULL);
	if (rc != KM_OK)
		return rc;
	set_time(fd, GREET_TIME);
	rc = greet(fd, nonce);
	return rc == KM_OK ? await_line(d, fd, nonce) : rc;
}

/* Whom --as names. The vault believes it only once that operator's own code was good. */
static km_rc identify(struct desk *d)
{
	struct km_msg m = { .number = KM_MSG_IDENTIFY };
	struct desk_operation o = { .request = &m };
	size_t len = strlen(d->as);
	km_rc rc;

	if (len == 0 || len >= sizeof(m.identify.login))
		return desk_because(d, KM_EUSAGE, DESK_AS_WRONG, NULL, NULL);
	memcpy(m.identify.login, d->as, len);
	rc = km_random(m.identify.op, sizeof(m.identify.op));
	if (rc == KM_OK)
		rc = converse(d, &o);
	return rc == KM_OK ? ended(d, &o) : rc;
}

km_rc desk_open(struct desk *d)
{
	km_rc rc = reach_vault(d);

	if (rc == KM_OK && d->as)
		rc = identify(d);
	if (rc != KM_OK)
		desk_close(d);
	return rc;
}

/* Nothing of it was asked or answered yet. */
static km_rc anew(struct desk_operation *o)
{
	o->rows = o->prompts = 0;
	o->told = o->open = false;
	return km_random(o->request->status.op, sizeof(o->request->status.op));
}

/* rc: whether DONE was heard; of a line on which it was not, nobody knows what comes next. */
static km_rc over(struct desk *d, const struct desk_operation *o, km_rc rc)
{
	if (rc == KM_OK)
		return ended(d, o);
	desk_close(d);
	return o->aborted ? KM_EABORTED : rc;
}

km_rc desk_begin(struct desk *d, struct desk_operation *o)
{
	km_rc rc = anew(o);

	d->why[0] = '\0';
	if (rc == KM_OK && d->line < 0)
		rc = desk_open(d);
	if (rc == KM_OK)
		rc = send_request(d, o->request);
	if (rc != KM_OK)
		desk_close(d);
	return rc == KM_EAGAIN ? KM_ETIMEOUT : rc;
}

km_rc desk_end(struct desk *d, struct desk_operation *o)
{
	return over(d, o, await_done(d, o, NULL));
}

km_rc desk_operate(struct desk *d, struct desk_operation *o)
{
	km_rc rc = anew(o);
	int again;

	if (rc != KM_OK)
		return rc;
	for (again = 0; again < 2; again++) {
		d->why[0] = '\0';
		rc = d->line >= 0 ? KM_OK : desk_open(d);
		if (rc == KM_OK)
			rc = converse(d, o);
		/*
		 * The vault may have done it and died before it said so: the
		 * same id gets the first result again. Not after rows, which
		 * would come twice, nor after a prompt.
		 */
		if (rc != KM_ECLOSED || o->once || o->asks || o->rows || o->aborted)
			break;
		desk_close(d);
	}
	return over(d, o, rc);
}
