/* Requests that wait for a second person: not written yet, so nothing that needs one is done. */
#include "desk.h"

km_rc request_file(struct call *c)
{
	call_say(c, "a second person must approve this, and requests cannot be filed yet");
	return KM_EPERM;
}
