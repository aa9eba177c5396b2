/* The courier's room: what its core holds. Drivers see driver.h alone. */
#ifndef KENMON_COURIER_COURIER_H
#define KENMON_COURIER_COURIER_H

#include <kenmon/wire.h>

#include "driver.h"

#define COURIER_FRAME_MAX (KM_FRAME_HEADER + KM_CAP_ORDER)

enum courier_kind { COURIER_MESSAGES, COURIER_CALLS, COURIER_KINDS };

/* All orders that are under way, and one that was refused. A slot without a kind is free. */
struct courier_table {
	struct courier_slot {
		struct courier_order order;
		uint8_t why, count, keys[KM_ORDER_KEYS];
		bool untold; /* the vault has not heard its state yet */
	} at[KM_ORDERS];
	struct msg_ordered refused; /* order 0: none */
	uint8_t frame[COURIER_FRAME_MAX];
	struct km_msg in;
};

struct courier {
	sd_event *event;
	int vault;
	int64_t vault_uid; /* -1: any */
	sd_event_source *link, *timer, *pump;
	const struct courier_driver *wanted[COURIER_KINDS]; /* by the settings */
	const struct courier_driver *driver[COURIER_KINDS]; /* those that could be opened */
	void *own[COURIER_KINDS];
	/* Locked, as is the table. */
	struct courier_settings *settings, *spare;
	struct courier_table *table;
	struct courier_needs *needs; /* of each kind, as the walls were put up for them */
	unsigned count;              /* slots in use */
	uint64_t turn;
	const char *conf_path, *credentials;
	bool conf_given;
	bool blocked;  /* the vault does not read */
	bool draining; /* ends with the last order: other walls are needed */
	bool stop;
};

/* --- orders.c: the table, and the states of an order ----------------------------------------- */

/* A new order. KM_EPROTO: the vault says what no vault says. */
KM_MUST_CHECK km_rc courier_take(struct courier *c, const struct msg_order *m);
void courier_cancel(struct courier *c, uint64_t id, enum km_order_why why);
void courier_cancel_all(struct courier *c);

/* Ends what is too late. Returns when to look again, INT64_MAX: no need. */
int64_t courier_expire(struct courier *c, int64_t now_ms);

/* Begins what may begin now. */
void courier_begin_next(struct courier *c);

/* The vault has heard of it: a slot whose order has ended is free. */
void courier_told(struct courier *c, struct courier_slot *slot);

/* Which kind of driver an order needs. */
enum courier_kind courier_kind_of(unsigned order);

/* --- link.c: the vault -------------------------------------------------------------------------
 */

KM_MUST_CHECK km_rc courier_greet(struct courier *c);
void courier_tell(struct courier *c, struct courier_slot *slot);
void courier_tell_refused(struct courier *c, uint64_t id, enum km_order_why why);
KM_MUST_CHECK bool courier_listen(struct courier *c);

/* --- loop.c --------------------------------------------------------------------------------------
 */

/* Memory, the loop and its signals, before the walls. False: there is none. */
KM_MUST_CHECK bool courier_init(struct courier *c);
void courier_free(struct courier *c); /* closes, wipes and frees; what is under way ends first */
void courier_run(struct courier *c);

/* Something can be begun, or expires: seen to before the loop waits again. */
void courier_wake(struct courier *c);
void courier_end(struct courier *c);

/* --- settings.c ----------------------------------------------------------------------------------
 */

/* Reads all into s. False: it is in the log, and s is of no use. */
KM_MUST_CHECK bool courier_read(const struct courier *c, struct courier_settings *s);

/* At the start: reads, chooses the drivers, opens them. */
KM_MUST_CHECK bool courier_settle(struct courier *c);
/* SIGHUP: the same again; what is wrong changes nothing. */
void courier_reload(struct courier *c);

/* Where a file of credentials is; false: nowhere. */
KM_MUST_CHECK bool courier_credential_path(const struct courier *c, const char *name,
					   char path[PATH_MAX]);

/* --- walls.c --------------------------------------------------------------------------------- */

/* What the drivers need by these settings: needs[COURIER_KINDS]. */
void courier_needs_of(const struct courier *c, const struct courier_settings *s,
		      struct courier_needs *needs);
KM_MUST_CHECK bool courier_needs_same(const struct courier_needs *a, const struct courier_needs *b);
KM_MUST_CHECK bool courier_confine(const struct courier *c);

#endif
