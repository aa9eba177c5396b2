/*
 * The vault of fuzz_vault: a real store in a folder that is put back as it was (vault_store.c),
 * what a right answer is (vault_model.c), known without asking the vault, and stories to begin with
 * (vault_seeds.c).
 */
#ifndef KENMON_FUZZ_VAULT_WORLD_H
#define KENMON_FUZZ_VAULT_WORLD_H

#include "../../authd/vault/vault.h"
#include "fuzz.h"

#define PEOPLE      48
#define CREDENTIALS 96
#define REACH       32         /* steps and counters around now that may be right at most */
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
	ACTS
};
#define TOGETHER 0x80 /* with OPEN, CHECK, CLOSE: no round after it */

/* --- vault_store.c ------------------------------------------------------------------- */

/* Makes the first state: operators with and without credentials, as the model knows them. */
void store_make(void);
/* A vault on the first state, without a judge. */
struct vault *store_vault(void);
/* A judge comes; *judge is our end of its link. */
void store_link(struct vault *v, int *judge);
void store_vault_free(struct vault *v);
/* The clock that the vault reads: seconds since the first state, of the wall and of the boot. */
extern int64_t clock_wall, clock_boot;

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

/* --- vault_model.c ------------------------------------------------------------------- */

struct person {
	char login[65];
	bool gone;
	uint8_t state; /* enum km_operator_state */
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
	uint64_t reach;
};

struct model {
	struct person person[PEOPLE];
	struct credential credential[CREDENTIALS];
	size_t persons, credentials;
	bool done[256]; /* operation ids, by their byte, that had their effect */
	bool unsure;    /* a line broke before it told how its operation went */
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

#endif
