/* kenmon review sign-off. */
#include "commands.h"

int cmd_review_sign_off(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_REVIEW };
	struct msg_done done = { 0 };
	km_rc rc = desk_field(d, "--note", desk_arg(args, "note"), true, m.review.note,
			      sizeof(m.review.note));

	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, DESK_REVIEW_SIGNED, NULL, NULL);
}
