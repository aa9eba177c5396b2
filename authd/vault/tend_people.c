/* What ends by itself when nobody acts: requests, and codes with an end. */
#include <kenmon/log.h>
#include <kenmon/store_request.h>

#include "desk_request.h"
#include "founding.h"

#define TEND_MS 60000

static km_rc expire_requests(struct vault *v)
{
	struct km_filed r;
	km_rc rc;

	while ((rc = store_request_expired(v->store, &r)) == KM_OK) {
		rc = request_end(v, &r, KM_EVENT_REQUEST_EXPIRED, "vault", "");
		if (rc != KM_OK)
			return rc;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static void say(km_rc rc, const char *what)
{
	if (rc != KM_OK)
		km_log(LOG_ERR, "%s (%s)", what, km_rc_text(rc, KM_LANG_EN));
}

void tend_waiting(struct vault *v)
{
	/* What waits and what is over is refused anyway; by a wrong clock nothing is destroyed. */
	if (v->suspicion || !v->anchored ||
	    (v->tended_ms && v->now.boot_ms - v->tended_ms < TEND_MS))
		return;
	v->tended_ms = v->now.boot_ms;
	/* None of them waits for the other: a damaged row keeps no bypass. */
	say(founding_look(v, "vault"), "whether the administration is founded is not known");
	say(expire_requests(v), "requests that are over could not be removed");
	say(bypass_tend(v), "codes that are over could not be removed");
}
