/* How our calls end: km_rc, zero or negative, and never to be ignored. */
#ifndef KENMON_RC_H
#define KENMON_RC_H

typedef enum km_rc {
#define KM_RC(name, number, exit_code, en, ja) KM_##name = -(number),
#include <kenmon/rc.def>
#undef KM_RC
} km_rc;

#define KM_MUST_CHECK __attribute__((warn_unused_result))

#include <kenmon/texts.h>

/* The sentence of an rc in a language; never NULL. */
const char *km_rc_text(km_rc rc, enum km_lang lang);

/* The short name of an rc ("EIO"), for logs and --json; never NULL. */
const char *km_rc_name(km_rc rc);

/* What the desk exits with. */
int km_rc_exit_code(km_rc rc);

/* From a byte of DONE; a byte that is no rc becomes KM_EPROTO. */
km_rc km_rc_from_wire(unsigned byte);

#endif
