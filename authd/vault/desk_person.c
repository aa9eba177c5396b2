/* Who is at a desk, and whether this site's acts need two of them. */
#include <string.h>

#include "desk.h"

#define FOUNDED "founded" /* kept: not empty from the founding on */

bool desk_founded(const struct vault *v)
{
	uint8_t value[64];
	size_t len = sizeof value;

	/* What cannot be read is no way back to acting alone. */
	return store_meta_get(v->store, FOUNDED, value, &len) != KM_ENOTFOUND;
}

bool desk_two_persons(const struct vault *v)
{
	return v->conf.approval_required && desk_founded(v);
}

km_rc desk_identify(struct call *c)
{
	(void)c;
	return KM_EPERM;
}
