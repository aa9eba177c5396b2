/* kenmon key status, rotate, bundles-destroyed. */
#include <kenmon/clock.h>

#include "commands.h"
#include "terminal.h"

int cmd_key_status(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_KEY_STATUS };

	(void)args;
	return desk_show_status(d, &m, "keys");
}

int cmd_key_rotate(struct desk *d, const struct desk_args *args)
{
	struct desk_progress p = { .began = km_boot_ms(), .text = DESK_REWRAPPING };
	struct km_msg m = { .number = KM_MSG_KEY_ROTATE };
	struct desk_operation o = { .request = &m, .arg = &p, .row = desk_progress_row };
	km_rc rc = KM_OK;

	if (!desk_arg(args, "yes")) {
		rc = desk_confirm(d, DESK_ASK_ROTATE, "yes");
		if (rc != KM_OK && !d->why[0])
			rc = desk_because(d, rc, DESK_NOT_ROTATED, NULL, NULL);
	}
	if (rc == KM_OK)
		rc = desk_operate(d, &o);
	desk_progress_end(d, &p);
	return desk_finish(d, rc, &o.done, DESK_ROTATED, NULL, NULL);
}

int cmd_key_bundles_destroyed(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_BUNDLE_GONE };
	const char *before = desk_arg(args, "before");
	struct msg_done done = { .rc = 0 };
	uint64_t generation = 0;
	km_rc rc = desk_number(d, "--before", before, 1, UINT32_MAX, &generation);

	if (rc == KM_OK && !desk_arg(args, "yes")) {
		rc = desk_confirm(d, DESK_ASK_BUNDLES, "yes");
		if (rc != KM_OK && !d->why[0])
			rc = desk_because(d, rc, DESK_NOT_BUNDLES, NULL, NULL);
	}
	m.bundle_gone.before = (uint32_t)generation;
	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, DESK_BUNDLES_GONE, before, NULL);
}
