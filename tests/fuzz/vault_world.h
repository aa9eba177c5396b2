/*
 * The vault of fuzz_vault: a real store in a folder that is put back as it was (vault_store.c),
 * what a right answer is (vault_model.c), known without asking the vault, and stories to begin with
 * (vault_seeds.c).
 */
#ifndef KENMON_FUZZ_VAULT_WORLD_H
#define KENMON_FUZZ_VAULT_WORLD_H

#include <kenmon/order.h>

#include "../../authd/vault/vault.h"
#include "fuzz.h"

struct person;

#define PEOPLE      48
#define CREDENTIALS 96
#define REACH       32         /* steps and counters around now that may be right at most */
#define FINGER      0xf0       /* and who it is of: a template's first byte in the first state */
#define RESYNC      2000       /* how far a resynchronisation may have moved that */
#define FUZZ_WALL   1750000000 /* when it begins: a day in June 2025 */

/* --- fuzz_vault.c: its language ------------------------------------------------------- */

enum act {
	OPEN,
	CHECK,
	CLOSE,
	ROUND,
	DESK,
	ASK,
	ASK_RAW,
	JUDGE,
	JUDGE_RAW,
	TIME,
	JUMP,
	LEAVE,
	FAIL,
	GRANT,
	REVOKE,
	FIND,
	MATCHER,
	MATCHER_SAYS,
	MATCHER_RAW,
	SEND,
	NEWS,
	COURIER,
	COURIER_RAW,
	ACTS
};
enum found { FOUND_NO, FOUND_YES, FOUND_POOR, FOUND_FAILED, FOUNDS }; /* with FIND */
/* With OPEN, CHECK, CLOSE, and GRANT and all behind it: no round after it. */
#define TOGETHER 0x80

/* --- vault_store.c ------------------------------------------------------------------- */

/* Makes the first state: operators with and without credentials, as the model knows them. */
void store_make(void);
/* A vault on the first state, without a judge. */
struct vault *store_vault(void);
/* A judge comes; *judge is our end of its link. */
void store_link(struct vault *v, int *judge);
/* And a matcher. */
void store_matcher(struct vault *v, int *matcher);
void store_vault_free(struct vault *v);
void store_verify(struct vault *v); /* the audit chain, or the run ends */
/* The clock that the vault reads: seconds since the first state, of the wall and of the boot. */
extern int64_t clock_wall, clock_boot;
void clock_moves(enum act what, uint8_t by); /* TIME: seconds of both; JUMP: minutes of the wall */

/* --- vault_wrap.c -------------------------------------------------------------------- */

enum fault {
	FAULT_STEP,
	FAULT_BIND,
	FAULT_MAC,
	FAULT_CIPHER,
	FAULT_DIGEST,
	FAULT_CODE,
	FAULT_LOCKED,
	FAULT_RANDOM,
	FAULT_MEMORY,
	FAULT_SOCKETS,
	FAULT_EPOLL,
	FAULTS
};

/* One call of one kind will fail, or all from it on to the end of its round. */
void fault_to_come(struct fuzz_in *in);
void fault_none(void);
/* Around a round. */
void fault_begin(void);
void fault_end(void);

/* --- vault_fingers.c: the matcher, and what the judge asks of a finger --------------------- */

void fingers_begin(struct vault *v); /* a matcher comes and says hello */
void fingers_end(struct vault *v);   /* it goes, and nothing may be lent any more */
/* What the judge heard: GRANTED and SENSE name grants. */
void fingers_judge_heard(const struct km_msg *m);
/* What the matcher heard; asked_by says whose login a session is, NULL for nobody any more. */
void fingers_heard(struct vault *v, struct person *(*asked_by)(uint32_t session));
/* Has the matcher said since the last round that one of this person's fingers was seen for it? */
bool fingers_matched(uint32_t session, const struct person *p);
void fingers_forget(void); /* a round is over */
/* GRANT and REVOKE of the judge; or an act of the matcher's. */
const struct km_msg *fingers_of_judge(enum act what, uint32_t session, struct fuzz_in *in);
void fingers_act(enum act what, struct vault *v, struct fuzz_in *in);
/* Fills 16 bytes with a grant that was named, or others with one byte over and over. */
void fingers_grant(struct fuzz_in *in, uint8_t *at, size_t len);

/* --- vault_phones.c: the courier, and codes that were sent ---------------------------------- */

void phones_begin(struct vault *v); /* a courier comes and says hello */
void phones_end(struct vault *v);   /* it goes, and no order may be left */
/* The number of whoever stands there in the model. */
void phones_number(size_t whose, char out[KM_NUMBER_MAX + 1]);
void phones_heard(struct vault *v); /* a round is over */
/* Is this a code that was sent to this person's number, and not used yet? Then it is now. */
bool phones_accept(const struct person *p, const struct km_secret *answer);
/* Has the courier said since the last round that what is shown was keyed in at their telephone? */
bool phones_keyed(const struct person *p, const char *shown);
void phones_code(struct fuzz_in *in, struct km_secret *out); /* one that was sent */
/* An act of the courier's; shown: the digits on a client's screen. */
void phones_act(enum act what, struct vault *v, struct fuzz_in *in, const char *shown);

/* --- vault_model.c ------------------------------------------------------------------- */

struct person {
	char login[65];
	bool gone;
	uint8_t state; /* enum km_operator_state */
	uint8_t role;  /* enum km_role */
	int64_t uid, from, until;
};

struct credential {
	struct person *owner;
	uint64_t id;
	uint8_t factor, algorithm, digits;
	uint16_t period;
	bool gone;
	struct km_secret seed; /* or the recovery codes */
	uint64_t next;         /* lowest counter or step that was not accepted yet */
	uint32_t used;         /* recovery codes, a bit each */
	int64_t until;         /* of a bypass; 0: no end */
	uint64_t reach;
};

struct model {
	struct person person[PEOPLE];
	struct credential credential[CREDENTIALS];
	size_t persons, credentials;
	bool done[256];  /* operation ids, by their byte, that had their effect */
	bool renumbered; /* a desk has registered a number */
	bool unsure;     /* a line broke before it told how its operation went */
};
extern struct model model;

void model_begin(void); /* does it know every operation of messages.def? */
void model_reset(void); /* to the first state */
void model_save(void);  /* this is the first state */
struct person *model_person(const char *login);
struct credential *model_credential(struct person *owner, uint64_t id, uint8_t factor,
				    const struct km_secret *seed);
/* The code of a credential, `offset` steps or counters from where it stands. */
void model_code(const struct credential *c, int offset, struct km_secret *out);
/* An operation of a desk has succeeded; p: whom its login meant when it was sent, or NULL. */
void model_did(const struct km_msg *m, struct person *p, uint64_t id);
/* May this person be let in under this uid now? */
bool model_may(const struct person *p, int64_t uid);
/* Was this the right answer of this person, never accepted before? It is accepted then. */
bool model_accepts(struct person *p, const struct km_secret *answer, bool clock_in_doubt);

/* --- vault_desk.c -------------------------------------------------------------------- */

/* What a desk has said of itself, and proved. */
struct side {
	uid_t peer;
	struct person *who; /* NULL: nobody */
	bool claimed;       /* by IDENTIFY */
	bool asked;         /* for a code of their own */
	struct km_secret answer;
	bool answered; /* with it, and nothing was done by it yet */
	bool right;    /* and it was right when it came */
	bool proved;   /* something was done by one */
};

void side_begin(struct side *s, uid_t peer);
void side_says(struct side *s, const struct km_msg *m, bool clock_in_doubt);
void side_hears(struct side *s, const struct km_msg *m);
/* An operation went well. */
void side_did(struct side *s, const struct km_msg *m, bool clock_in_doubt);

#endif
