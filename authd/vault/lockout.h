/*
 * When a try may be judged (NIST SP 800-63B-4, 3.2.2). Pure arithmetic.
 */
#ifndef KENMON_VAULT_LOCKOUT_H
#define KENMON_VAULT_LOCKOUT_H

#include <stdint.h>

#include <kenmon/conf.h>
#include <kenmon/store.h>

#define LOCKOUT_FOR_GOOD UINT32_MAX

/* Seconds until a try would be judged: 0 now, LOCKOUT_FOR_GOOD until an administrator unlocks. */
uint32_t lockout_wait(const struct km_conf_lockout *conf, const struct km_throttle *t,
		      int64_t wall);

/* What a throttle becomes by one more failure. */
struct km_throttle lockout_after(const struct km_conf_lockout *conf, const struct km_throttle *t,
				 int64_t wall);

#endif
