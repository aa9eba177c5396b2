/*
 * The loop: sd-event's, alone or inside a library's own. One timer stands for all deadlines, on the
 * clock that runs on in sleep; one source, run after others, begins what is next.
 */
#include <signal.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "courier.h"

#define ACCURACY_USEC 1000
#define USEC_PER_MS   1000u

const struct courier_settings *courier_settings(const struct courier *c)
{
	return c->settings;
}

sd_event *courier_event(const struct courier *c)
{
	return c->event;
}

void **courier_own(struct courier *c, const struct courier_driver *d)
{
	return &c->own[c->driver[COURIER_CALLS] == d ? COURIER_CALLS : COURIER_MESSAGES];
}

void courier_end(struct courier *c)
{
	c->stop = true;
	(void)sd_event_exit(c->event, 0);
}

void courier_wake(struct courier *c)
{
	if (c->pump && sd_event_source_set_enabled(c->pump, SD_EVENT_ONESHOT) < 0)
		courier_end(c);
}

/* --- deadlines, and what is next -----------------------------------------------------------------
 */

static void set_timer(struct courier *c, int64_t at_ms)
{
	if (at_ms == INT64_MAX) {
		(void)sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
		return;
	}
	if (sd_event_source_set_time(c->timer, (uint64_t)at_ms * USEC_PER_MS) < 0 ||
	    sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT) < 0)
		courier_end(c);
}

/* Whatever woke us: what is late ends, and what is next begins. */
static void look(struct courier *c)
{
	int64_t now_ms = km_boot_ms();
	/* A clock that says nothing: every deadline has passed. */
	int64_t next_ms = courier_expire(c, now_ms > 0 ? now_ms : INT64_MAX);

	courier_begin_next(c);
	set_timer(c, next_ms);
	if (c->draining && c->count == 0)
		courier_end(c);
}

static int on_pump(sd_event_source *source, void *arg)
{
	(void)source;
	look(arg);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	look(arg);
	return 0;
}

/* --- signals --------------------------------------------------------------------------------- */

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	(void)source;
	(void)info;
	courier_reload(arg);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	(void)source;
	(void)info;
	courier_cancel_all(arg); /* how it ends, the vault hears */
	courier_end(arg);
	return 0;
}

static bool watch_signals(struct courier *c)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return signal(SIGPIPE, SIG_IGN) != SIG_ERR && sigprocmask(SIG_BLOCK, &set, NULL) == 0 &&
	       sd_event_add_signal(c->event, NULL, SIGTERM, on_stop, c) >= 0 &&
	       sd_event_add_signal(c->event, NULL, SIGINT, on_stop, c) >= 0 &&
	       sd_event_add_signal(c->event, NULL, SIGHUP, on_hangup, c) >= 0;
}

/* --- begin and end --------------------------------------------------------------------------- */

bool courier_init(struct courier *c)
{
	c->settings = km_locked_new(sizeof(*c->settings));
	c->spare = km_locked_new(sizeof(*c->spare));
	c->table = km_locked_new(sizeof(*c->table));
	c->needs = km_locked_new(COURIER_KINDS * sizeof(*c->needs));
	return c->settings && c->spare && c->table && c->needs && sd_event_new(&c->event) >= 0 &&
	       watch_signals(c) &&
	       sd_event_add_time(c->event, &c->timer, CLOCK_BOOTTIME, 0, ACCURACY_USEC, on_timer,
				 c) >= 0 &&
	       sd_event_source_set_enabled(c->timer, SD_EVENT_OFF) >= 0 &&
	       sd_event_add_defer(c->event, &c->pump, on_pump, c) >= 0;
}

void courier_free(struct courier *c)
{
	if (c->table)
		courier_cancel_all(c);
	for (unsigned kind = 0; kind < COURIER_KINDS; kind++)
		if (c->driver[kind])
			c->driver[kind]->close(c);
	c->link = sd_event_source_disable_unref(c->link);
	c->timer = sd_event_source_disable_unref(c->timer);
	c->pump = sd_event_source_disable_unref(c->pump);
	c->event = sd_event_unref(c->event);
	km_locked_free(c->settings, sizeof(*c->settings));
	km_locked_free(c->spare, sizeof(*c->spare));
	km_locked_free(c->table, sizeof(*c->table));
	km_locked_free(c->needs, COURIER_KINDS * sizeof(*c->needs));
	if (c->vault >= 0)
		close(c->vault);
	*c = (struct courier){ .vault = -1 };
}

/* --- the loop -------------------------------------------------------------------------------- */

int courier_loop_fd(const struct courier *c)
{
	return sd_event_get_fd(c->event);
}

bool courier_loop_turn(struct courier *c)
{
	/* Armed by the turn before. */
	int r = sd_event_get_state(c->event) == SD_EVENT_ARMED ? sd_event_wait(c->event, 0) : 0;

	while (r >= 0 && sd_event_get_state(c->event) != SD_EVENT_FINISHED) {
		if (sd_event_get_state(c->event) == SD_EVENT_PENDING)
			r = sd_event_dispatch(c->event);
		else if ((r = sd_event_prepare(c->event)) == 0)
			return true; /* armed: the descriptor stands for all there is */
	}
	c->stop = true;
	return false;
}

void courier_run(struct courier *c)
{
	for (unsigned kind = 0; kind < COURIER_KINDS; kind++) {
		if (c->driver[kind] && c->driver[kind]->run) {
			c->driver[kind]->run(c);
			return;
		}
	}
	if (sd_event_loop(c->event) < 0)
		km_log(LOG_ERR, "the loop has failed");
}
