/*
 * The vault's own state, and which file does what with it.
 *
 *   main.c     options, keys, store, the socket; then loop.c
 *   loop.c     one round: drain what is ready, commit once, then answer
 *   link.c     the judge's link and the frames on it
 *   session.c  one login: OPEN and CLOSE, accounts, sessions
 *   check.c    one answer: CHECK
 *   check_finger.c  a finger in the place of an answer: GRANT, REVOKE, and what was found
 *   matcher.c  the matcher's link                grant.h    what is lent to it, to whom, how long
 *   send.c     a code by telephone: SEND         sent.c     what came of it
 *   challenge.c  the code itself                 send.h     what these share
 *   budget.c   how many may be sent? (pure)      courier.c  the courier's link
 *   orders.c   what is asked of it (courier.h)   orders_desk.c  orders of a desk (orders.h)
 *   decoy.c    what is told of an order that is nobody's
 *   codes.c    is this code right? (pure)        lockout.c  may it be judged now? (pure)
 *   gate.c     may this operator come in? (pure) crowd.c    many refusals become one record
 *   suspect.c  clock, machine, rollback          note.c     events: audit first, journal after
 *   line.c, line_later.c  a desk's private line   desk*.c    its operations
 *   rights.c   may this caller run it? (pure)    desk_person.c  who is at a desk
 *   desk_proof.c  proved by a code               desk_own_code.c  a code of whom it is about
 *   act.c      what an act will do, in words (pure)  desk_request.c, desk_decide.c  two persons
 *   roster.h   rosters: handing them in          due.h       what is due, and the brake
 *   feed.c, feed_row.c  working them off         feed_wait.c  one that waits for a second person
 *   queue_gate.c  the gate's look at both
 *   desk_phone.c  numbers to which codes are sent  desk_phone_change.c  one in another's place
 *   desk_courier.c  trying the courier, its state  orders.h  what a desk has sent
 *   founding.c from root alone to two persons     desk_bypass.c  one code, once, for some hours
 *   pace.c     work for many, between logins
 *   ballast.c  room for erasures on a full disk   tend.c     seals, keeping period
 *   backup.c, bundle.c, permit.c, restore.c  copies that leave the machine, and come back (copy.h)
 *   tend_people.c  what ends by itself
 *   store*.c, identity.c, chain.c, keys.c, kek.c, seal.c, wrap.c, mac.c, signer.c  what is kept
 */
#ifndef KENMON_VAULT_H
#define KENMON_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <kenmon/clock.h>
#include <kenmon/conf.h>
#include <kenmon/finger.h>
#include <kenmon/keys.h>
#include <kenmon/store.h>
#include <kenmon/store_epoch.h>
#include <kenmon/verdict.h>
#include <kenmon/wire.h>

#include "due.h"
#include "feed.h"
#include "roster.h"
#include "store_phone.h"

#include "rights.h"

#define VAULT_SESSIONS   1024 /* as many as the judge allows */
#define VAULT_LINES      16   /* desks at once */
#define VAULT_LINES_OF   2    /* of one uid that is not root's */
#define VAULT_LINES_KEPT 4    /* for root, however many others there are */
#define VAULT_LINES_ROLE 4    /* and for whoever has a role, beside those */
#define VAULT_ROUND      256  /* requests in one commit: bounds the wait of the first */
#define VAULT_NOTES      512  /* journal lines of one round; a request makes at most two */

/*
 * What was taken back and is not yet said to be wiped, at once: a room for grants that end while
 * the matcher compares for others, so that who gives up in a row keeps nobody else from a grant.
 */
#define VAULT_RETURNS 64

struct vault;
struct order;
struct outgoing;

/* Frames waiting for a peer that does not read fast enough. */
struct queue {
	uint8_t *bytes; /* u32 length, frame, u32 length, frame, … */
	size_t head, tail, cap;
};

/* A login under way. */
struct session {
	uint32_t id;
	int client;   /* the client's descriptor: written to, never read */
	uid_t peer;   /* from the kernel */
	bool trusted; /* the peer is root, or the starter of --spawn */
	bool refused; /* at least one answer to the step that is due was not right */
	struct msg_open asked;
	struct km_steps steps;
	uint8_t at;          /* the step whose code is judged next: those before it were passed */
	uint8_t touch;       /* bits of the steps for which the plan offered a finger */
	enum km_text tell;   /* to be said before the RESULT that lets in; NOTHING: nothing */
	bool revocable;      /* GRANTED was said, and no REVOKE has come for it */
	struct grant *grant; /* a finger is waited for; NULL: none */
	struct {
		uint8_t tag[KM_TAG_OF_SESSION]; /* what the codes of this login are bound to */
		bool tagged;                    /* that was made, with the first of them */
		uint8_t kind;                   /* enum km_order of the last one; 0: none */
		uint8_t factor;                 /* to which the last one went, of any step */
		uint64_t credential;            /* and to which number; 0: to nobody's */
	} sent;
	struct order *order; /* is under way for it; NULL: none */
};

/*
 * How an order began, as whoever waited for it saw it; and the last of them: a decoy is told of as
 * one of these was.
 */
struct order_pace {
	int64_t took_ms;
	uint8_t state, why;
};

#define ORDER_PACES 8

struct order_paces {
	struct order_pace last[ORDER_PACES];
	size_t count; /* that ever were: the next takes the place of the oldest */
};

/*
 * What was asked of the courier, for a login or for a desk's line (courier.h). One of nobody's is a
 * decoy (decoy.c).
 */
struct order {
	uint64_t id; /* 0: free */
	uint8_t kind, state;
	bool decoy;
	bool written; /* to the courier */
	bool lost;    /* it will say nothing more of it */
	struct session *session;
	struct line *line;
	uint8_t subject[KM_SUBJECT_BYTES]; /* of a notice: of whom; else zeros */
	km_rc (*heard)(struct vault *v, struct order *o, const struct msg_ordered *m);
	int64_t begun_ms, until_ms; /* CLOCK_BOOTTIME */
	int64_t next_ms;            /* of a decoy: when it is told of again; 0: not any more */
	struct order_pace pace;     /* and how it begins */
};

/*
 * A capture that was asked for, and what the matcher holds for it: one operator's templates. Of a
 * login or of a desk's line, never of both. It ends with its first finding, with its owner, with
 * the matcher's link or at its deadline, and what was lent is taken back.
 */
struct grant {
	bool used;
	uint8_t id[KM_GRANT_BYTES];
	struct session *session; /* whose login it is, or */
	struct line *line;       /* whose enrolment or list of readers */
	int64_t until_ms;        /* CLOCK_BOOTTIME */
	bool sensing;            /* the judge was told to SENSE and has not said that this ended */
	uint8_t mode; /* enum km_grant_mode of what is lent; 0: nothing, or a finding ended that */
	uint8_t subject[KM_SUBJECT_BYTES];
	size_t count;
	uint64_t credential[KM_GRANT_TEMPLATES]; /* by the index under which it was lent */
};

/* Taken back, and of no use to anybody; the matcher has not said that it is wiped. */
struct returning {
	bool used;
	uint8_t id[KM_GRANT_BYTES];
	uint8_t subject[KM_SUBJECT_BYTES];
	int64_t until_ms; /* CLOCK_BOOTTIME: then its link is closed, at which it wipes all */
};

/* What a request is answered with, once its round is durable. */
struct reply {
	uint32_t session;
	struct km_msg to_judge;  /* PLAN, GRANTED, SENDING or VERDICT */
	int client;              /* -1: nothing for the client; else sent to and closed */
	int pass;                /* a descriptor for the client, or -1 */
	struct km_msg to_client; /* RESULT or DESK_LINE */
	enum km_text tell;       /* before it; NOTHING: nothing */
	uint8_t lang;            /* in which; enum km_lang */
};

/* Who is at a desk: the operator with the peer's uid, or whom root has named (IDENTIFY). */
struct desk_person {
	bool staff;                /* with a role when the line began, or the drop folder's */
	bool claimed;              /* by IDENTIFY: nothing is believed before it is proved */
	char login[65];            /* as it was claimed; "" where it was not */
	unsigned groups;           /* bits of the roles (rights.h) that the peer's groups allow */
	uint8_t tag[KM_TAG_BYTES]; /* of the login: claimed, or of the operator who is known */
	int64_t proved_ms;         /* when a code was good, CLOCK_BOOTTIME; 0: never on this line */
	/* As it was read for the operation under way: */
	bool known;                        /* an operator is */
	uint8_t subject[KM_SUBJECT_BYTES]; /* zeros where nobody is known */
	uint8_t role;                      /* enum km_role */
};

/* One desk's private line. */
struct line {
	int fd; /* -1: free */
	uid_t peer;
	struct desk_person who;
	enum rights right; /* by which the operation under way runs */
	struct kept *kept; /* an operation that waits for the caller's own code; locked memory */
	struct queue out;
	enum km_phase phase; /* DESK_IDLE or DESK_ASKED */
	bool touched;        /* something of this line happened in this round */
	bool testing;        /* its DONE comes when the order of a test has ended */
	bool erasing;        /* its DONE comes when the erasure is finished */
	bool withdrawing;    /* that is a withdrawal, of: */
	uint8_t withdrawn[KM_SUBJECT_BYTES];
	uint32_t rotating; /* or when this key epoch has begun; 0: does not wait for one */
	uint8_t op[16];
	struct pending *pending; /* an operation that asked something; locked memory */
	struct km_verify verify; /* audit verify goes on where it was */
};

/* An event of this round, for the journal after the commit. */
struct note {
	struct km_event_record record;
};

/* Refusals of one source in the running minute. */
struct crowd_source {
	uint64_t key; /* 0: free */
	int64_t since_ms;
	uint32_t recorded, swallowed;
	uid_t uid;
	char service[70];
};
#define CROWD_SOURCES 64

struct vault {
	struct km_store *store;
	struct km_keys *keys;
	struct km_conf conf;
	const char *state_dir; /* NULL in tests that have none of their own */
	const char *key_path;  /* of the master key; NULL: master.key in there */
	const char *conf_path;
	bool conf_given;
	const char *machine_id_path;
	bool has_owner;
	uid_t owner; /* the starter of --spawn: counts as root */
	bool has_judge_uid;
	uid_t judge_uid;
	uid_t judge_peer; /* whose the link is, while there is one */

	char trail[256]; /* what store_open had to say, and opened all the same; "" nothing */

	struct km_now now, before; /* of this round and the last */
	struct {
		bool known;
		int64_t offset; /* wall clock less time since boot, in ms */
		int64_t at_ms;  /* since boot: when it last followed the clock */
	} pace;                 /* what steps of the clock are held against (suspect.c) */
	unsigned wall_gaps;     /* enum km_wall_gap bits: what the room goes without */
	unsigned suspicion;     /* enum km_suspicion bits */
	int64_t day_known;      /* while the clock is in doubt: it was this day, or a later one */
	char found[3][160]; /* what was found, for status and accept: clock, machine, rollback */

	int listener, poll, judge; /* -1: none */
	int matcher_door, matcher; /* where it connects, and its link; -1: none */
	bool has_matcher_uid;
	uid_t matcher_uid;
	bool matcher_spoke;      /* its first frame was right: it may be lent to */
	int64_t matcher_said_ms; /* since boot: when a finding for nobody was last logged */
	struct grant grant[KM_GRANTS];
	struct returning returning[VAULT_RETURNS];
	int courier_door, courier; /* where it connects, and its link; -1: none */
	bool has_courier_uid;
	uid_t courier_uid;
	bool courier_spoke; /* its first frame was right: orders may be given */
	uint8_t gateway;    /* enum km_gateway, and whether it can call: as it said */
	bool calls;
	int64_t courier_said_ms; /* since boot: when news for nobody was last logged */
	struct order order[KM_ORDERS];
	size_t orders;                     /* that are used */
	uint64_t order_last;               /* number of the last one */
	bool orders_due;                   /* something of them is to be told at once */
	struct order_paces order_paces[2]; /* of messages, and of calls */
	struct outgoing *outgoing;         /* of this round, in locked memory; NULL: none yet */
	size_t outgoings;
	int64_t phone_tended_ms; /* since boot: when codes that are over were last removed */
	struct queue to_judge;
	bool anchored;      /* the judge has sent its ANCHOR */
	uint64_t head_told; /* seq of the last HEAD sent */
	int64_t head_told_ms;

	struct session session[VAULT_SESSIONS];
	uint32_t session_id[VAULT_SESSIONS]; /* 0: free; apart, so that a search stays in 4 KiB */
	struct reply reply[VAULT_ROUND + KM_GRANTS]; /* grants that end by themselves, too */
	size_t replies;
	struct line line[VAULT_LINES];
	struct note note[VAULT_NOTES];
	size_t notes;
	struct crowd_source crowd[CROWD_SOURCES];

	struct km_operator decoy_operator; /* what unknown names are judged against */
	struct km_credential decoy;

	uint64_t sealed;    /* the record of the last seal; 0: none since the start */
	int64_t sealed_ms;  /* CLOCK_BOOTTIME, also of one that could not be made */
	bool seal_stuck;    /* it could not, and the log says so */
	int64_t house_ms;   /* since boot: when what waits for a quiet moment was last done */
	int64_t tended_ms;  /* when requests and bypasses that are over were last looked for */
	int64_t leavers_ms; /* since boot: when accounts of the erased were last forgotten */
	int64_t kept_ms;    /* when months past their keeping period were last looked for */

	bool erasing; /* somebody's erasure has begun, or the logs may still hold traces of one */
	struct {
		uint64_t after;  /* cursor of the last one looked at */
		int64_t more_ms; /* since boot: when it was last said that others follow; 0: none */
		bool waits;      /* somebody's templates are still to come back */
		bool damaged;    /* somebody's rows are not as we wrote them */
		bool said;       /* and the log says so */
		bool stuck;      /* it could not go on */
	} erase;
	struct {
		int64_t served_ms; /* since boot: when the judge last asked for anything */
		int64_t worked_ms; /* and when the last full slice of work for many began */
		bool held;         /* there is more of it, and it waits for its turn */
	} pacing;

	struct {
		struct km_epoch at; /* as stored */
		bool unseen;        /* or not: it could not be read, and is at the next work */
		struct km_rewrap rewrap;
		uint64_t total;   /* keys to wrap anew, about; 0: not counted yet */
		bool stuck;       /* the last try failed, and was said */
		uint64_t damaged; /* and so many keys did not open in it */
		int64_t again_ms; /* since boot; not before */
	} epoch;

	struct {
		int64_t again_ms; /* since boot; not before */
		bool stuck;       /* the last slice failed, and the log says so */
	} index;

	struct roster roster; /* that is being handed in */
	struct feed feed;     /* that is worked off */
	struct due due;       /* what happens by itself */
	struct copy *copy;    /* on its way to a desk, or NULL (backup.c) */

	int64_t ballast_ms;  /* since boot; looked after again then */
	bool ballast_missed; /* there was no room for it, and that was said */

	uint8_t *frame;    /* KM_FRAME_MAX, locked */
	struct km_msg *in; /* locked */
	uint64_t messages; /* frames taken and sent */
	bool stop;
};

/* --- loop.c ------------------------------------------------------------------ */

/* Serves until told to stop or the judge has gone. 0, or an exit code. */
int vault_run(struct vault *v);

/*
 * One round: what is ready is drained, committed, answered; for tests too. True: there is work
 * that need not wait for anybody.
 */
bool vault_round(struct vault *v, int timeout_ms);

/* What comes there is drained in each round from now on. False: fd was closed. */
KM_MUST_CHECK bool loop_watch(const struct vault *v, int fd);

/* Queues a frame; KM_ELIMIT when the peer is too far behind. */
KM_MUST_CHECK km_rc queue_put(struct queue *q, const struct km_msg *m);
/* Sends what the peer takes. KM_EAGAIN: some is left. */
KM_MUST_CHECK km_rc queue_send(struct queue *q, int fd);
void queue_free(struct queue *q);

/* --- link.c ------------------------------------------------------------------ */

void link_accept(struct vault *v);
void link_drain(struct vault *v);
void link_tell_head(struct vault *v, bool now);
/* Sends this round's plans and grants, for which nothing was written. lifted: suspicions that fell
 * in it. */
void link_plan(struct vault *v, unsigned lifted);
void link_settle(struct vault *v, bool durable); /* sends or turns down this round's replies */

/*
 * Asks the judge for a capture under this grant: SENSED comes as desk_finger_sensed(). shots 0:
 * only list the readers. KM_EUNAVAIL: there is no judge.
 */
KM_MUST_CHECK km_rc link_sense(struct vault *v, struct grant *g, unsigned shots, unsigned seconds);
/* It is wanted no more; nothing where it has ended already. grant_end() does it too. */
void link_unsense(struct vault *v, struct grant *g);

/* --- session.c --------------------------------------------------------------- */

struct session *session_find(struct vault *v, uint32_t id);
/* Frees the place; the client's descriptor is the reply's by then, or is closed. */
void session_end(struct vault *v, struct session *s);
/* km_rc other than KM_OK: the judge broke the protocol. fd is taken over. */
KM_MUST_CHECK km_rc session_open(struct vault *v, uint32_t id, const struct msg_open *m, int fd);
void session_close(struct vault *v, struct session *s, unsigned reason);

/* Answers a session for good: verdict to the judge, RESULT to the client. */
void session_decide(struct vault *v, struct session *s, struct km_verdict verdict);
/* May this refusal have a record of its own? */
bool session_admit(struct vault *v, const struct session *s);
/*
 * The operator asked for, as far as this caller may ask for it; KM_ENOTFOUND. bucket (may be NULL)
 * is set then too.
 */
KM_MUST_CHECK km_rc session_operator(struct vault *v, const struct session *s,
				     struct km_operator *op, uint16_t *bucket);
/* Adds service, terminal, origin and peer to an event. */
void session_describe(struct km_event_record *r, const struct session *s);
/* Answers a session that goes on. */
void session_retry(struct vault *v, struct session *s, struct km_verdict verdict);
/* Answers a session as the verdict on its try says: the same step again, the next, or for good. */
void session_answer(struct vault *v, struct session *s, struct km_verdict verdict);
void session_granted(struct vault *v, struct session *s, const uint8_t id[KM_GRANT_BYTES],
		     unsigned seconds);

/* An order was written, or seems to have been. */
void session_sending(struct vault *v, struct session *s, enum km_order kind);

/* The bucket in which failures of a name count when there is no credential. */
uint16_t session_bucket_of(const uint8_t tag[KM_TAG_BYTES]);
KM_MUST_CHECK km_rc session_bucket(struct vault *v, const char *login, uint16_t *bucket);

/* --- shape.c ----------------------------------------------------------------- */

/* What a code of these factors may look like: KM_SHAPE_*. */
uint16_t session_shape(const struct km_conf *conf, uint32_t factors);

/* --- check.c ----------------------------------------------------------------- */

KM_MUST_CHECK km_rc check_answer(struct vault *v, struct session *s, struct msg_check *m);
/* Makes the decoy. */
KM_MUST_CHECK km_rc check_init(struct vault *v);

/* --- send.c, sent.c ------------------------------------------------------------------ */

/* At a start: no login is left that a code was sent in. */
KM_MUST_CHECK km_rc phone_start(struct vault *v);
KM_MUST_CHECK km_rc phone_send(struct vault *v, struct session *s, const struct msg_send *m);
/* When nobody waits, once a minute: codes that no login can still have, counts of days gone by. */
void phone_tend(struct vault *v);

/* --- suspect.c --------------------------------------------------------------- */

KM_MUST_CHECK km_rc suspect_start(struct vault *v); /* after the store is open: clock, machine */
/* Each round, after the clock was read. While it is in doubt, today is no day before one that was.
 */
void suspect_clock(struct vault *v);
/* Other than KM_OK: it could not be compared now, so nobody is served. */
KM_MUST_CHECK km_rc suspect_anchor(struct vault *v, const struct msg_anchor *anchor);
KM_MUST_CHECK km_rc suspect_accept(struct vault *v, enum km_suspicion what, const char *actor);

/* --- note.c ------------------------------------------------------------------ */

/* The key of what administrators write as they like: sealed in the trail, kept out of the journal.
 */
#define EVENT_FREE_TEXT "note"
/* And of how much alike fingers were: whoever sees it could feel their way to a match. */
#define EVENT_SCORE "score"
/* The subjects of who asked for it, and of whoever approved it. */
#define EVENT_REQUESTER "requester"
#define EVENT_APPROVER  "approver"

void event_make(struct km_event_record *r, enum km_event event,
		const uint8_t subject[KM_SUBJECT_BYTES], const char *actor);
/* Adds " key=value" to the body, the value percent-escaped; what does not fit is left out. */
void event_add(struct km_event_record *r, const char *key, const char *value);
void event_add_number(struct km_event_record *r, const char *key, int64_t number);
/* In hex: a person of the trail, who has a name as long as they are registered. */
void event_add_subject(struct km_event_record *r, const char *key,
		       const uint8_t subject[KM_SUBJECT_BYTES]);
/* Remembers an event that the store has taken, for the journal after the commit. */
void note_event(struct vault *v, const struct km_event_record *r);
/* An event by itself: into the store, and noted. */
KM_MUST_CHECK km_rc note_record(struct vault *v, const struct km_event_record *r);
void note_settle(struct vault *v, bool durable);

/* --- crowd.c ----------------------------------------------------------------- */

/* May this refusal, or so many at once, have a record of its own? If not they are counted. */
bool crowd_admit(struct vault *v, uid_t uid, const char *service, const char *rhost,
		 uint32_t times);
/* Writes the counts of sources whose minute is over (or of all). */
void crowd_settle(struct vault *v, bool all);

/* --- line.c, desk*.c --------------------------------------------------------- */

/* A new line for a desk; *other is its end, to be passed on. */
KM_MUST_CHECK km_rc line_new(struct vault *v, uid_t peer, const struct desk_person *who,
			     int *other);
/* Who a new line would be of. KM_EPERM: nobody who may have one. client: where the groups are
 * read. */
KM_MUST_CHECK km_rc person_begin(struct vault *v, uid_t peer, int client, struct desk_person *out);
void line_drain(struct vault *v, struct line *l);
void line_settle(struct vault *v, bool durable);
void line_close(struct vault *v, struct line *l);
/*
 * Tells the desks that waited for it. True: one still does, whose templates the matcher has not
 * said to be wiped.
 */
bool line_erased(struct vault *v, km_rc rc);

/* Tells the desks that wait for an epoch how far it is, and that it has begun. */
void line_rewrapping(struct vault *v);
void line_rotated(struct vault *v);

/* --- tend.c ------------------------------------------------------------------ */

/* Adds the present signer to the record of a start, and says it at the very first. */
KM_MUST_CHECK km_rc tend_tell_signer(struct vault *v, struct km_event_record *started);
/* Seals the head where that is due, or now. Without a flush of its own: the next one takes it. */
void tend_seal(struct vault *v, bool now);
/* When nobody waits: destroys the key of a month that is past its keeping period. */
void tend_months(struct vault *v);
/* Likewise: accounts of people who were erased more than a week ago are forgotten. */
void tend_leavers(struct vault *v);

/* --- tend_people.c ----------------------------------------------------------- */

/* When nobody waits, once a minute: requests that expired and bypasses that are over go. */
void tend_waiting(struct vault *v);
/* desk_bypass.c: those that were used, or whose time is over. */
KM_MUST_CHECK km_rc bypass_tend(struct vault *v);

/* --- erase.c ----------------------------------------------------------------- */

#define ERASE_SLICE 64 /* operators in one commit: some 4 ms to begin, 12 to finish */

/* One of many who are to be erased. */
struct erase_wish {
	uint8_t subject[KM_SUBJECT_BYTES];
	struct km_erase_order order;
	struct km_event_record event; /* ERASE_BEGUN */
	/* out: KM_OK; or why not this one: KM_ENOTFOUND, KM_ESTATE (begun already), KM_ECORRUPT */
	km_rc rc;
};
/*
 * T1 of up to ERASE_SLICE operators, in this round's batch; what is done beyond that is the
 * caller's, in the same batch. more: others follow, so the rest of the work waits for them, and the
 * logs are truncated once for all. Other than KM_OK: the batch is lost, or KM_ESUSPECT, nothing
 * done.
 */
KM_MUST_CHECK km_rc erase_begin_many(struct vault *v, struct erase_wish *wish, size_t count,
				     bool more);

/*
 * Goes on with erasures that have begun, a slice at a time, flushing after each step. True: there
 * is more to do.
 */
bool erase_work(struct vault *v);

/* --- pace.c ------------------------------------------------------------------- */

#define PACE_EVERY_MS 25 /* one slice in so long, while logins are served */

/* Are logins going on? */
bool pace_busy(const struct vault *v);
/* May a slice of work for many begin in this round? False: pacing.held, and asked again soon. */
bool pace_may(struct vault *v);
/* One that was full is done. */
void pace_worked(struct vault *v);
/* One that failed half way is undone at once: no login's round is refused for it. */
void pace_undo(struct vault *v);

/* --- index.c ------------------------------------------------------------------ */

/* Records of the trail in one go: of 5,000 people some 2,800 pages, and 25 ms. */
#define INDEX_SLICE 4096
#define INDEX_LATE  20000 /* where more wait, slices go between logins: a listing reads each */

/*
 * Indexes the trail by person, a slice at a time, each flushed. quiet: nothing came in this round
 * and no other work is left. True: there is more to do.
 */
bool index_work(struct vault *v, bool quiet);

/* --- ballast.c --------------------------------------------------------------- */

/* Sees that it is there, once a minute at most. */
void ballast_keep(struct vault *v);
/* Before something is destroyed: gives it up when the disk is full. */
void ballast_give(struct vault *v);

/* --- epoch.c ----------------------------------------------------------------- */

/* Reads where the epoch stands: at the start, after an erasure, after a failed flush. */
void epoch_look(struct vault *v);
/* Goes on with a closing that is due. True: there is more to do at once. */
bool epoch_work(struct vault *v);

/* --- backup.c ---------------------------------------------------------------- */

/* At the start: what a crash left of a copy goes. */
void backup_clean(struct vault *v);
/* Goes on with a copy that is being made. True: there is more to do at once. */
bool backup_work(struct vault *v);
/* What is on its way to this line, or (NULL) to any, ends. */
void backup_drop(struct vault *v, const struct line *l);

#endif
