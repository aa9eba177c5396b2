/*
 * What a driver is: one way in which an order leaves the house (sms_http.c, sms_spool.c,
 * sms_exec.c, sip_*.c). The core holds the orders, hears and tells the vault, keeps deadlines and
 * counts; a driver knows its gateway and nothing else.
 *
 * The life of an order, as a driver sees it:
 *
 *   begin   once. From then on the driver reports (courier_report), also from inside begin.
 *   report  states of order.def, forwards only; with one that ends, the order is gone: it is wiped,
 *           and may not be touched again. What a driver holds of its own (order->own) it lets go of
 *           before.
 *   cancel  at most once, when nobody waits any more (CANCELLED) or the time is over (LATE). The
 *           driver reports how it ends before it returns: FAILED with that reason where nothing has
 *           left yet; UNKNOWN, CUT where it is in doubt; TAKEN where a gateway has it and only word
 * of its delivery was missing. What still has to be said to the gateway (BYE, an open transfer) may
 * outlive the order.
 *
 * After the first byte of a message is out, an order is never tried again: it ends UNKNOWN, CUT if
 * nothing is heard. Before it (connection refused, no address) a driver may try again while there
 * is time. A gateway that took a message and of which no more will be heard: TAKEN, not SENT; SENT
 * is for a message whose delivery is still asked for. A driver logs no number and no text.
 */
#ifndef KENMON_COURIER_DRIVER_H
#define KENMON_COURIER_DRIVER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include <kenmon/conf.h>
#include <kenmon/order.h>
#include <kenmon/rc.h>
#include <kenmon/secret.h>
#include <kenmon/wall.h>

struct courier;
struct courier_driver;

/* In locked memory, the core's. Read it; change nothing but own. */
struct courier_order {
	uint64_t id;
	uint8_t kind;     /* enum km_order */
	uint8_t state;    /* enum km_order_state: the last that was reported */
	uint8_t lang;     /* enum km_lang */
	uint8_t keys;     /* wanted; KEYPAD alone */
	int64_t until_ms; /* CLOCK_BOOTTIME: cancel(LATE) comes then by itself */
	char number[KM_NUMBER_MAX +
		    1];        /* '+' and 1 to 15 digits, nothing else: the core has looked */
	struct km_secret text; /* UTF-8 without control characters but newline; of SPOKEN, digits */
	void *own;             /* the driver's; NULL at begin */

	/* The core's. */
	const struct courier_driver *driver;
	bool begun;
	uint64_t turn; /* the order in which they came */
};

/* What a file of credentials holds, without the newline at its end; len 0: none is configured. */
#define COURIER_CREDENTIAL_MAX 4096
struct courier_credential {
	size_t len;
	char bytes[COURIER_CREDENTIAL_MAX + 1]; /* printable ASCII, NUL added */
};

/* One configuration, with what it names. In locked memory. */
struct courier_settings {
	struct km_conf conf;
	struct courier_credential sms, voice;
};

/* What a driver needs of the walls (include/kenmon/wall.h), besides km_wall_basics. */
#define COURIER_PATHS 12
struct courier_needs {
	struct km_calls calls;
	bool network; /* sockets of IPv4 and IPv6, and courier_network_calls */
	unsigned paths;
	struct {
		char path[PATH_MAX];
		unsigned may; /* enum km_may bits */
		/* The core's: of a plain file, which one the walls are for; else 0. */
		dev_t device;
		ino_t inode;
	} path[COURIER_PATHS];
};

struct courier_driver {
	const char *name;
	/*
	 * At the start, before the walls are up, and again at each reload, behind them and perhaps
	 * with orders under way: those go on as they were begun. Anything but KM_OK: it is in the
	 * log, and what was before stays. Copies what it needs, or asks courier_settings each time.
	 */
	km_rc (*open)(struct courier *c, const struct courier_settings *s);
	/* Adds to *needs, which is all zero. A reload that needs anything else is a new start. */
	void (*needs)(const struct courier_settings *s, struct courier_needs *needs);
	void (*begin)(struct courier *c, struct courier_order *o);
	void (*cancel)(struct courier *c, struct courier_order *o, enum km_order_why why);
	void (*close)(struct courier *c); /* no order is left; also after an open that failed */
	/*
	 * Optional: a driver whose library has a loop of its own runs it here, with the descriptor
	 * of courier_loop_fd in it; courier_loop_turn whenever that can be read. Returns once
	 * courier_loop_turn says false, and the courier ends. NULL: sd-event's loop.
	 */
	void (*run)(struct courier *c);
};

/* drivers.c: which there are. NULL: none, by this configuration or in this build. */
const struct courier_driver *courier_driver_of_messages(const struct km_conf *conf);
const struct courier_driver *courier_driver_of_calls(const struct km_conf *conf);

/* What is in force. Not to be kept over a return to the loop: a reload changes it. */
const struct courier_settings *courier_settings(const struct courier *c);

/* Descriptors and timers (sd_event_add_io, sd_event_add_time with CLOCK_BOOTTIME) go there. */
sd_event *courier_event(const struct courier *c);

/* A slot of the driver's own, kept by the core: [0] messages, [1] calls. */
void **courier_own(struct courier *c, const struct courier_driver *d);

/* For run: one descriptor that stands for the loop, and one turn of it without waiting. */
int courier_loop_fd(const struct courier *c);
KM_MUST_CHECK bool courier_loop_turn(struct courier *c); /* false: end; first call before waiting */

/*
 * What became of an order: why is 0 where there is nothing to say; keys and count with KEYED alone,
 * else NULL and 0. A state that is not further than the last one is dropped and logged.
 */
void courier_report(struct courier *c, struct courier_order *o, enum km_order_state state,
		    enum km_order_why why, const char *keys, unsigned count);

/* The order with this id that a driver has begun, or NULL: for answers that come late. */
struct courier_order *courier_find(struct courier *c, uint64_t id);

/* Sockets of IPv4 and IPv6, for http and sip (walls.c). */
extern const struct km_calls courier_network_calls;

#endif
