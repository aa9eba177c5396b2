/* Every operation of the private line begins with its id: one name reaches it in all of them. */
#ifndef KENMON_DESK_LINE_OP_H
#define KENMON_DESK_LINE_OP_H

#include <stddef.h>

#include <kenmon/wire.h>

#define OP_FIRST(name) _Static_assert(offsetof(struct msg_##name, op) == 0, #name " begins with op")
OP_FIRST(operator_add);
OP_FIRST(operator_list);
OP_FIRST(operator_show);
OP_FIRST(operator_state);
OP_FIRST(operator_rebind);
OP_FIRST(enrol);
OP_FIRST(enrol_recovery);
OP_FIRST(enrol_finger);
OP_FIRST(sensor_list);
OP_FIRST(credential_list);
OP_FIRST(credential_remove);
OP_FIRST(erase);
OP_FIRST(resync);
OP_FIRST(unlock);
OP_FIRST(accept);
OP_FIRST(audit_list);
OP_FIRST(audit_verify);
OP_FIRST(status);
OP_FIRST(key_status);
OP_FIRST(key_rotate);
OP_FIRST(backup);
OP_FIRST(bundle);
OP_FIRST(transfer);
OP_FIRST(roster_begin);
OP_FIRST(roster_slice);
OP_FIRST(roster_end);
OP_FIRST(roster_list);
OP_FIRST(due_list);
OP_FIRST(due_release);
OP_FIRST(purpose);
OP_FIRST(purpose_show);
OP_FIRST(consent);
OP_FIRST(consent_list);
OP_FIRST(consent_withdraw);
OP_FIRST(data_export);
OP_FIRST(invite);
OP_FIRST(identify);
OP_FIRST(operator_change);
OP_FIRST(review);
OP_FIRST(review_show);
OP_FIRST(audit_anchor);
OP_FIRST(bundle_gone);
OP_FIRST(certificate_list);
OP_FIRST(certificate_show);
OP_FIRST(leavers);
OP_FIRST(approval_list);
OP_FIRST(approval_show);
OP_FIRST(approval_decide);
OP_FIRST(bypass);
OP_FIRST(enrol_phone);
OP_FIRST(courier_test);
OP_FIRST(courier_status);

#endif
