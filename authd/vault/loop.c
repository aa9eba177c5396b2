/*
 * One round: drain what is ready, commit once, then answer. A login alone pays
 * for one flush to the disk; a hundred at the same time share one. Nothing is
 * answered before it is durable, and when it cannot be made durable, everything
 * of the round is undone and everybody in it is refused. Only a plan, and word
 * that a finger may be captured, do not wait: nothing was written for them, so
 * people are asked while the disk works on the answers of others. Before the
 * flush those who are on their way are let come: a flush takes longer than all
 * that is done for a login.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "desk.h"
#include "grant.h"
#include "courier.h"

#define LOOP_EVENTS  32
#define LOOP_HELD_MS 5 /* work for many waits for its turn (pace.c) */
#define LOOP_IDLE_MS                                                                               \
	1000               /* housekeeping: counts of refusals, the chain's head, the log's length \
			    */
#define LOOP_BUSY_MS 60000 /* and that late at the latest, whoever keeps us from being idle */

static volatile sig_atomic_t asked_to_stop, asked_to_reload;

static void on_signal(int number)
{
	if (number == SIGHUP)
		asked_to_reload = 1;
	else
		asked_to_stop = 1;
}

static km_rc watch_signals(void)
{
	static const int watched[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++) {
		if (sigaction(watched[i], &act, NULL) < 0)
			return KM_EIO;
	}
	act.sa_handler = SIG_IGN;
	return sigaction(SIGPIPE, &act, NULL) < 0 ? KM_EIO : KM_OK;
}

/* All or nothing: a bad file keeps the old configuration. */
static void reload(struct vault *v)
{
	struct km_conf_error error = { 0 };
	struct km_event_record r;
	struct km_conf next;
	bool changed;

	asked_to_reload = 0;
	if (km_conf_read(v->conf_path, v->conf_given, &next, &error) != KM_OK) {
		km_log(LOG_ERR, "%s:%d: %s; the old configuration stays", error.path, error.line,
		       error.text);
		return;
	}
	if (km_clock_zone(next.time_zone) != KM_OK) {
		/* Another file has come since the walls went up (walls.c). */
		km_log(LOG_ERR, "time zone %s %s; the old configuration stays",
		       next.time_zone[0] ? next.time_zone : "of the machine",
		       next.time_zone[0] ? "is not known here" : "needs a restart");
		return;
	}
	changed = next.approval_required != v->conf.approval_required;
	v->conf = next;
	if (changed)
		km_log(LOG_WARNING, "acts on others, %s", desk_mode(v));
	event_make(&r, KM_EVENT_RELOADED, NULL, "vault");
	event_add(&r, "approval", desk_asked_for(v));
	if (note_record(v, &r) != KM_OK)
		km_log(LOG_ERR, "the new configuration is in use but could not be recorded");
}

bool loop_watch(const struct vault *v, int fd)
{
	struct epoll_event ready = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(v->poll, EPOLL_CTL_ADD, fd, &ready) == 0)
		return true;
	close(fd);
	return false;
}

static struct line *line_of(struct vault *v, int fd)
{
	for (size_t i = 0; i < VAULT_LINES; i++) {
		if (v->line[i].fd == fd)
			return &v->line[i];
	}
	return NULL;
}

static void serve(struct vault *v, const struct epoll_event *ready)
{
	struct line *l;

	if (ready->data.fd == v->listener)
		link_accept(v);
	else if (ready->data.fd == v->judge)
		link_drain(v);
	else if (ready->data.fd == v->matcher_door)
		matcher_accept(v);
	else if (ready->data.fd == v->matcher)
		matcher_drain(v);
	else if (ready->data.fd == v->courier_door)
		orders_accept(v);
	else if (ready->data.fd == v->courier)
		orders_drain(v);
	else if ((l = line_of(v, ready->data.fd)))
		line_drain(v, l);
}

/* The round's end: durable first, then everybody hears. */
static bool settle(struct vault *v, unsigned suspicion_before, bool idle)
{
	bool durable = true, more;

	crowd_settle(v, v->stop);
	link_plan(v, suspicion_before & ~v->suspicion);
	if (store_dirty(v->store)) {
		km_rc rc = store_flush(v->store);

		durable = rc == KM_OK;
		if (!durable) {
			km_log(LOG_ERR,
			       "%s: this round's requests are refused; is the disk full, "
			       "read-only or failing, or vault.db damaged (restore it from a "
			       "backup)?",
			       km_rc_text(rc, KM_LANG_EN));
			v->suspicion |= suspicion_before;
			epoch_look(v); /* what was asked for is undone, too */
			roster_undone(v);
			feed_look(v);
			due_look(v);
			v->sealed = 0; /* and a seal, if there was one */
		}
	}
	orders_settle(v, durable); /* before anybody hears of it, and after it was counted */
	link_settle(v, durable);
	line_settle(v, durable);
	note_settle(v, durable); /* last: nobody waits for the journal */
	if (!durable)
		return false;
	more = erase_work(v);
	more |= feed_work(v);
	more |= due_work(v);
	more |= epoch_work(v);
	more |= backup_work(v);
	more |= v->replies > 0 || v->orders_due; /* an erasure may have ended a grant */
	return index_work(v, idle && !more) || more;
}

static bool more_came(struct vault *v)
{
	uint64_t before = v->messages;

	sched_yield();
	if (v->judge >= 0 && !v->stop)
		link_drain(v);
	return v->messages != before;
}

/* Whoever the judge was about to pass on shares the flush. VAULT_ROUND bounds it. */
static void gather(struct vault *v, unsigned lifted)
{
	do
		link_plan(v, lifted);
	while (more_came(v));
}

/* Each looks at its own clock. Nobody puts them off for good by saying something every second. */
static void keep_house(struct vault *v, bool idle)
{
	if (v->house_ms == 0)
		v->house_ms = v->now.boot_ms;
	if (!idle && v->now.boot_ms - v->house_ms < LOOP_BUSY_MS)
		return;
	v->house_ms = v->now.boot_ms;
	store_idle(v->store);
	tend_months(v);
	tend_waiting(v);
	tend_leavers(v);
	phone_tend(v);
	ballast_keep(v);
}

bool vault_round(struct vault *v, int timeout_ms)
{
	struct epoll_event ready[LOOP_EVENTS];
	unsigned suspicion = v->suspicion;
	int n = epoll_wait(v->poll, ready, LOOP_EVENTS, timeout_ms);
	bool more;

	if (n < 0 && errno != EINTR) {
		km_log(LOG_ERR, "epoll_wait: %s", strerror(errno));
		v->stop = true;
	}
	v->before = v->now;
	if (km_clock_read(&v->now) != KM_OK)
		v->stop = true;
	store_set_now(v->store, &v->now);
	suspect_clock(v);
	grants_expire(v);
	orders_tick(v);
	keep_house(v, n == 0);
	for (int i = 0; i < n; i++)
		serve(v, &ready[i]);
	if (store_dirty(v->store))
		gather(v, suspicion & ~v->suspicion);
	grants_overdue(v);
	if (asked_to_reload)
		reload(v);
	more = settle(v, suspicion, n == 0);
	tend_seal(v, false);
	link_tell_head(v, false);
	if (v->judge >= 0 && queue_send(&v->to_judge, v->judge) == KM_ECLOSED)
		v->stop = true;
	return more;
}

static void say_goodbye(struct vault *v)
{
	struct km_event_record r;

	event_make(&r, KM_EVENT_STOPPED, NULL, "vault");
	crowd_settle(v, true);
	if (note_record(v, &r) != KM_OK || store_flush(v->store) != KM_OK) {
		km_log(LOG_ERR, "the stop could not be recorded");
		return;
	}
	note_settle(v, true);
	tend_seal(v, true);
	if (store_flush(v->store) != KM_OK)
		km_log(LOG_ERR, "the end of the audit trail could not be sealed");
	link_tell_head(v, true);
	if (v->judge >= 0 && queue_send(&v->to_judge, v->judge) != KM_OK)
		km_log(LOG_INFO, "the judge was not told where the chain ends");
}

int vault_run(struct vault *v)
{
	bool more = false;

	if (watch_signals() != KM_OK)
		return 1;
	while (!v->stop && !asked_to_stop)
		more = vault_round(v, !more            ? orders_pause(v, LOOP_IDLE_MS)
				      : v->pacing.held ? LOOP_HELD_MS
						       : 0);
	say_goodbye(v);
	return 0;
}
