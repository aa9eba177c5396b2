/*
 * The driver of calls: orders in, calls out.
 *
 * One thread, one loop: libre's. libre keeps the descriptor of its own epoll to itself, so it
 * cannot be put into sd-event's; sd-event's can be had (sd_event_get_fd), so it is put into
 * libre's. When it can be read, the courier takes a turn. A turn arms sd-event's timers; what
 * libre's side changes between two turns (an order that ends lets the next one begin) asks for one
 * more (wake).
 *
 * libre's timers follow the clock on the wall. They repeat what got no answer (SIP's timers); a
 * jump of that clock makes a call fail, or a repeat late. What must be right is not theirs: how
 * long it rings, the beat of the sound, and deadlines are on CLOCK_BOOTTIME.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <asm/unistd.h>

#include <kenmon/log.h>

#include "drivers.h"
#include "sip_call.h"

#define DEBUG_MODULE "kenmon"
#define DEBUG_LEVEL  0
#include <re_dbg.h>

/* Descriptors: two for each call, and everybody else's come before. */
#define FDS_MOST 8192

struct voice {
	struct courier *courier;
	struct voice_stack *stack;
	struct tmr wake;
	bool libre, runs;
};

/* From an order to its call and back; ends with the order. */
struct line {
	struct voice *voice;
	struct courier_order *order;
	struct voice_call *call;
};

static struct voice *voice_of(struct courier *c)
{
	return *courier_own(c, &sip_driver);
}

/* --- the loop ---------------------------------------------------------------------------- */

static void take_turn(struct voice *v)
{
	if (!courier_loop_turn(v->courier))
		re_cancel();
}

static void on_readable(int flags, void *arg)
{
	(void)flags;
	take_turn(arg);
}

static void on_wake(void *arg)
{
	take_turn(arg);
}

static void wake(struct voice *v)
{
	if (v->runs)
		tmr_start(&v->wake, 0, on_wake, v);
}

static void run(struct courier *c)
{
	struct voice *v = voice_of(c);
	int fd = courier_loop_fd(c);

	if (!courier_loop_turn(c))
		return;
	v->runs = true;
	if (fd < 0 || fd_listen(fd, FD_READ, on_readable, v) != 0 || re_main(NULL) != 0)
		km_log(LOG_ERR, "calls: the loop has failed");
	v->runs = false;
	tmr_cancel(&v->wake);
	fd_close(fd);
}

/* --- orders ------------------------------------------------------------------------------ */

static void report(struct voice *v, struct courier_order *o, const struct voice_news *news)
{
	courier_report(v->courier, o, news->state, news->why, news->keys, news->count);
	wake(v);
}

static void on_news(void *arg, const struct voice_news *news)
{
	struct line *line = arg;
	struct voice *v = line->voice;
	struct courier_order *o = line->order;

	if (km_order_state_ends(news->state)) {
		o->own = NULL;
		free(line);
	}
	report(v, o, news);
}

static void refuse(struct voice *v, struct courier_order *o, enum km_order_why why)
{
	const struct voice_news news = { .state = KM_ORDER_STATE_FAILED, .why = why };

	report(v, o, &news);
}

static void begin(struct courier *c, struct courier_order *o)
{
	struct voice *v = voice_of(c);
	const bool spoken = o->kind == KM_ORDER_SPOKEN;
	const struct voice_asked asked = {
		.kind = (enum km_order)o->kind,
		.lang = (enum km_lang)o->lang,
		.number = o->number,
		.digits = spoken ? (const char *)o->text.bytes : NULL,
		.count = spoken ? o->text.len : 0,
	};
	struct line *line = malloc(sizeof(*line));
	km_rc rc = KM_ENOMEM;

	if (line) {
		*line = (struct line){ .voice = v, .order = o };
		rc = voice_call_begin(v->stack, &asked, on_news, line, &line->call);
	}
	if (rc == KM_OK) {
		o->own = line;
		return;
	}
	free(line);
	refuse(v, o, rc == KM_EINVAL ? KM_ORDER_WHY_REFUSED : KM_ORDER_WHY_FULL);
}

/* A code that was being read may have been heard: it is not read to somebody once more. */
static void cancel(struct courier *c, struct courier_order *o, enum km_order_why why)
{
	struct line *line = o->own;
	bool heard = voice_call_end(line->call);

	o->own = NULL;
	free(line);
	courier_report(c, o, heard ? KM_ORDER_STATE_UNKNOWN : KM_ORDER_STATE_FAILED,
		       heard ? KM_ORDER_WHY_CUT : why, NULL, 0);
}

/* --- configuration ----------------------------------------------------------------------- */

static void add_path(struct courier_needs *needs, const char *path)
{
	if (needs->paths >= COURIER_PATHS || strlen(path) >= PATH_MAX)
		return;
	snprintf(needs->path[needs->paths].path, PATH_MAX, "%s", path);
	needs->path[needs->paths++].may = KM_MAY_READ | KM_MAY_LIST;
}

/* For a reload: sounds, certificates, resolvers. */
static void needs(const struct courier_settings *s, struct courier_needs *needs)
{
	static const struct km_call calls[] = {
#ifdef __NR_epoll_create
		KM_CALL(epoll_create),   KM_CALL(epoll_wait),
#endif
		KM_CALL(epoll_create1),  KM_CALL(epoll_ctl),       KM_CALL(epoll_pwait),
		KM_CALL(timerfd_create), KM_CALL(timerfd_settime), KM_CALL(getsockname),
		KM_CALL(getpeername),    KM_CALL(getsockopt),      KM_CALL(recvfrom),
		KM_CALL(sendto),         KM_CALL(listen),          KM_CALL(shutdown),
		KM_CALL(prlimit64),      KM_CALL(uname),           KM_CALL(getrandom),
	};
	const char *ca_file = s->conf.voice.ca_file;

	needs->network = true;
	needs->calls = (struct km_calls){ calls, sizeof(calls) / sizeof(calls[0]) };
	add_path(needs, s->conf.voice.prompts);
	add_path(needs, *ca_file ? ca_file : VOICE_CA_FILE);
	add_path(needs, "/etc/resolv.conf");
	add_path(needs, "/run/systemd/resolve"); /* where that may point to */
}

static struct voice *set_up(struct courier *c)
{
	struct voice *v = voice_of(c);

	if (v)
		return v;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->courier = c;
	dbg_init(DBG_EMERG, DBG_NONE); /* it prints what it was sent */
	v->libre = libre_init() == 0 && fd_setsize(FDS_MOST) == 0;
	tmr_init(&v->wake);
	*courier_own(c, &sip_driver) = v;
	return v;
}

/* Calls that are under way go on with what was before. */
static km_rc open_driver(struct courier *c, const struct courier_settings *s)
{
	struct voice *v = set_up(c);
	struct voice_stack *fresh = NULL;
	km_rc rc = v && v->libre ? voice_stack_open(s, &fresh) : KM_ENOMEM;

	if (rc != KM_OK)
		return rc;
	voice_stack_release(v->stack);
	v->stack = fresh;
	return KM_OK;
}

static void close_driver(struct courier *c)
{
	struct voice *v = voice_of(c);

	if (!v)
		return;
	voice_calls_end_all();
	tmr_cancel(&v->wake);
	voice_stack_release(v->stack);
	voice_stacks_end(); /* nobody waits for answers any more */
	if (v->libre)
		libre_close();
	free(v);
	*courier_own(c, &sip_driver) = NULL;
}

const struct courier_driver sip_driver = {
	.name = "calls",
	.open = open_driver,
	.needs = needs,
	.begin = begin,
	.cancel = cancel,
	.close = close_driver,
	.run = run,
};
