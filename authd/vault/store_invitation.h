/*
 * Who may enrol a code of their own: one invitation to an operator, good for a while, used up by
 * the enrolment. Calls are atomic and errors those of <kenmon/store.h>.
 */
#ifndef KENMON_VAULT_STORE_INVITATION_H
#define KENMON_VAULT_STORE_INVITATION_H

#include <kenmon/store.h>

#define KM_INVITATION_TRIES 5 /* wrong codes, after which it is gone: 5 of 2^80 */

struct km_invitation {
	uint8_t subject[KM_SUBJECT_BYTES];
	uint8_t code[KM_TAG_BYTES]; /* HMAC of the binding code */
	uint32_t seconds;           /* how long it is good from its approval on */
	int64_t until;              /* wall seconds; 0: it waits for approval */
	uint8_t tries;              /* wrong codes so far */
};

/* Which one it is, for who agrees to it; tells nothing of its code. */
uint64_t store_invitation_name(const struct km_invitation *);

/* Replaces an earlier one. code: in stored form. until as above. KM_ESTATE: being erased. */
KM_MUST_CHECK km_rc store_invite(struct km_store *, const struct km_operator *,
				 const struct km_secret *code, uint32_t seconds, int64_t until,
				 const struct km_event_record *event);
KM_MUST_CHECK km_rc store_invitation(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				     struct km_invitation *out);
/* One that waits becomes good, from now on. KM_ENOTFOUND: none waits. */
KM_MUST_CHECK km_rc store_invitation_activate(struct km_store *,
					      const uint8_t subject[KM_SUBJECT_BYTES],
					      const struct km_event_record *event);
KM_MUST_CHECK km_rc store_invitation_drop(struct km_store *,
					  const uint8_t subject[KM_SUBJECT_BYTES],
					  const struct km_event_record *event);
/* Is this its code? Without changing anything; the same work whatever it is. */
KM_MUST_CHECK km_rc store_invitation_judge(struct km_store *, const struct km_operator *,
					   const struct km_invitation *,
					   const struct km_secret *code, bool *right);
/* A wrong code: counted, or with the last try the invitation goes (*left is 0 then). */
KM_MUST_CHECK km_rc store_invitation_wrong(struct km_store *, const struct km_invitation *,
					   const struct km_event_record *event, unsigned *left);
/*
 * As store_enrol_otp(), and the invitation is used up by it, both or neither. KM_ENOTFOUND: it is
 * not the one that was looked at any more.
 */
KM_MUST_CHECK km_rc store_enrol_invited(struct km_store *, const struct km_operator *,
					const struct km_invitation *,
					const struct km_credential *in,
					const struct km_secret *seed, struct km_event_record *event,
					uint64_t *id);

#endif
