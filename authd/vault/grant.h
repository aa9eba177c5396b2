/*
 * Fingers: the matcher's link, what is lent to it, and what comes back for a login or a desk.
 */
#ifndef KENMON_VAULT_GRANT_H
#define KENMON_VAULT_GRANT_H

#include "vault.h"

/* --- matcher.c ----------------------------------------------------------------- */

/* At the start: who may connect, where no option says so. */
void matcher_expect(struct vault *v);
void matcher_accept(struct vault *v);
void matcher_drain(struct vault *v);
/* Is there one that may be lent to? */
bool matcher_ready(const struct vault *v);
/* Its link is closed, and every grant with something lent ends; none comes back. Nothing without
 * one. */
void matcher_lost(struct vault *v, const char *why);

/* --- grant.c ------------------------------------------------------------------- */

/*
 * A new grant with a random id and a deadline so many seconds from now; the caller sets session or
 * line. KM_ELIMIT: there are KM_GRANTS, or the matcher is far behind with what was taken back.
 */
KM_MUST_CHECK km_rc grant_new(struct vault *v, unsigned seconds, struct grant **out);
/*
 * Lends templates of one operator under it, at once: nothing waits in a queue. The index of
 * credentials[i] is i. At an enrolment (wanted: impressions) they may be none. KM_EUNAVAIL: there
 * is no matcher, or it does not read. On any error nothing is lent, and the grant is still the
 * caller's to end.
 */
KM_MUST_CHECK km_rc grant_lend(struct vault *v, struct grant *g, enum km_grant_mode mode,
			       unsigned wanted, const struct km_operator *op,
			       const struct km_credential *credentials, size_t count);
/* Ends it: TAKE_BACK, UNSENSE where need be; the owner has none any more. NULL is allowed. */
void grant_end(struct vault *v, struct grant *g);
struct grant *grant_of(struct vault *v, const uint8_t id[KM_GRANT_BYTES]); /* NULL: none */
struct grant *grant_of_line(struct vault *v, const struct line *l);        /* NULL: none */
/* Is something of this operator lent? mode: enum km_grant_mode; 0: for whatever it is. */
bool grants_lent(const struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES], unsigned mode);
/* Each round: those whose deadline has passed end. */
void grants_expire(struct vault *v);
/* Each round, after the matcher was heard: one that keeps what was taken back loses its link. */
void grants_overdue(struct vault *v);
/* Before an erasure goes on: all that is lent of this operator is taken back. */
void grants_end_of(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES]);
/* As that, of somebody who has withdrawn their consent. */
void grants_end_withdrawn(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES]);
/* As that, of one finger that was removed, with whatever was lent together with it. */
void grants_end_with(struct vault *v, uint64_t credential);
/* Is something of this operator taken back and not yet said to be wiped? */
bool grants_returning(const struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES]);
/* The matcher has wiped it. KM_EPROTO: nothing of the kind was taken back. */
KM_MUST_CHECK km_rc grant_returned(struct vault *v, const uint8_t id[KM_GRANT_BYTES]);
/* Its link is closed: it will say nothing more, and wipes all. */
void grants_unlink(struct vault *v);
/*
 * It ends without a finding, and its owner hears so: a login by VERDICT, a line by
 * desk_finger_lost().
 */
void grant_lose(struct vault *v, struct grant *g, km_rc why);

/* --- check_finger.c -------------------------------------------------------------- */

extern const struct km_conf_lockout finger_lockout; /* what fingers are throttled by */

/* Is there a finger to ask this session's operator for? The same work for every name. */
bool finger_offered(struct vault *v, const struct session *s);
KM_MUST_CHECK km_rc finger_grant(struct vault *v, struct session *s, const struct msg_grant *m);
KM_MUST_CHECK km_rc finger_revoke(struct vault *v, struct session *s, const struct msg_revoke *m);
/* What the matcher found under a login's grant, which ends. Other than KM_OK: it lies. */
KM_MUST_CHECK km_rc finger_found(struct vault *v, struct grant *g, const struct msg_match *m);
/* No finding will come: asked again, and nothing is counted. The grant has ended. */
void finger_lost(struct vault *v, struct session *s);

/* --- desk_finger.c: what comes for a grant of a line ------------------------------- */

/*
 * KM_EPROTO: the matcher lies, its link is closed, and with it the grant ends. A STAGE for nobody,
 * or of another `of` than was wanted, is the callee's to see; the grant is one with mode
 * KM_GRANT_ENROL that is still lent.
 */
KM_MUST_CHECK km_rc desk_finger_stage(struct vault *v, struct grant *g, const struct msg_stage *m);
/* As that; other than with KM_EPROTO the callee ends the grant. */
KM_MUST_CHECK km_rc desk_finger_template(struct vault *v, struct grant *g,
					 const struct msg_finger_template *m);
/* g->sensing is false by then when the event ends the capture; the grant stays the callee's. */
void desk_finger_sensed(struct vault *v, struct grant *g, const struct msg_sensed *m);
/* The grant has ended already: KM_ETIMEOUT its deadline, KM_EUNAVAIL the matcher, KM_ESTATE the
 * operator is being erased, KM_EABORTED one of its fingers was removed, KM_EPERM they have
 * withdrawn their consent. */
void desk_finger_lost(struct vault *v, struct line *l, km_rc why);

#endif
