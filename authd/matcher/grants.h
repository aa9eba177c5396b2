/*
 * What the vault has lent, and what comes of it: no sockets, no clock. Everything lies in locked
 * memory that is made once; a grant's part of it is wiped when the grant ends.
 */
#ifndef KENMON_MATCHER_GRANTS_H
#define KENMON_MATCHER_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include <kenmon/wire.h>

#include "match.h"

struct grants;

/* What the vault is to be told: a finding, a stage and the template that came of it, or that what
 * was taken back is wiped. */
struct findings {
	unsigned count;
	struct km_msg msg[2];
};

/* NULL: out of memory. */
struct grants *grants_new(void);
void grants_free(struct grants *g); /* wipes; NULL is allowed */

/*
 * One template of a grant. KM_EPROTO: not one that may come now; who sent it does not keep to the
 * protocol. Times are CLOCK_BOOTTIME in milliseconds everywhere here.
 */
KM_MUST_CHECK km_rc grants_lend(struct grants *g, const struct msg_lend *m, int64_t now_ms,
				struct findings *out);

/* It is told in any case: also of a grant that has ended, or never was. */
void grants_take_back(struct grants *g, const uint8_t id[KM_GRANT_BYTES], struct findings *out);

/*
 * False: no such grant, not all of it is here yet, or it has ended. A template in *out lies in g
 * until grants_told().
 */
KM_MUST_CHECK bool grants_probe(struct grants *g, const uint8_t id[KM_GRANT_BYTES],
				const struct km_minutiae *probe, int64_t now_ms,
				struct findings *out);
void grants_told(struct grants *g, struct findings *out); /* wipes both */

/* Ends what is over. */
void lent_expire(struct grants *g, int64_t now_ms);

/* A piece of the work that a probe would have to wait for. False: there is none. */
bool grants_prepare(struct grants *g);

/* How long until lent_expire() has something to do; -1: nothing is lent. */
int64_t grants_left_ms(const struct grants *g, int64_t now_ms);

#endif
