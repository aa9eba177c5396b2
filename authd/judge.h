/*
 * The judge: what its files share. One process, one loop, no threads; all of
 * it is reached from struct judge.
 */
#ifndef KENMON_AUTHD_JUDGE_H
#define KENMON_AUTHD_JUDGE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include <kenmon/conf.h>
#include <kenmon/rc.h>
#include <kenmon/verdict.h>
#include <kenmon/wall.h>
#include <kenmon/wire.h>

#include "anchor.h"
#include "limits.h"
#include "origin.h"
#include "sensor.h"
#include "sources.h"

#define JUDGE_INDEX_BITS      10   /* of a session's number: its place among JUDGE_SESSIONS */
#define JUDGE_FRAME_OUT       2048 /* the largest frame the judge sends, OPEN, has 1029 bytes */
#define JUDGE_GREET_SECONDS   10   /* from connect to LOGIN: a door sends both without a pause */
#define JUDGE_SILENCE_SECONDS 5    /* a vault starts in 0.3 s; after this nobody is kept waiting */
#define JUDGE_QUEUE_MAX       1024 /* frames that wait for the vault: one a session */

struct judge;

/* How it stands with the finger that a login was asked for (factors/finger.c). */
struct judge_finger {
	bool wanted;   /* GRANT was sent, and its VERDICT has not come */
	bool granted;  /* GRANTED came */
	uint8_t event; /* enum km_sensor_event: with which the capture ended, and was revoked */
	unsigned uncounted; /* verdicts that used up no try */
};

/* How it stands with the code that a login had sent (factors/phone.c). */
struct judge_phone {
	bool wanted;  /* SEND was sent, and neither SENDING nor VERDICT has come */
	bool calling; /* a call asks for keys: its VERDICT comes by itself */
	bool awaited; /* how the message goes, before the code in it is asked for */
	bool unsaid;  /* that it failed, heard while the person was asked */
	bool ordered; /* SENDING came in this login: news may come from now on */
	uint8_t kind; /* enum km_order of this slot's last one; 0: none that came to anything */
	uint8_t state, why; /* as last heard */
	unsigned sends;     /* in this login */
};

/* One connection of a door or a desk, from accept to its end. */
struct judge_session {
	struct judge *judge;
	uint32_t id; /* generation and index; never 0; 0 here: nobody */
	uint32_t generation;
	int fd;
	pid_t pid; /* of the peer, as the kernel wrote it at connect */
	uid_t uid;
	bool privileged;  /* uid 0 or the owner of --spawn */
	bool crowded;     /* over a limit: refused as soon as it has said who it is */
	bool opened;      /* the vault was sent OPEN and has not ended it */
	bool shared;      /* the vault may have a copy of fd */
	bool shielded;    /* judge_shielded(fd) */
	unsigned phase;   /* enum km_phase bits of what may come now; 0: over */
	unsigned party;   /* enum km_party: what HELLO said it is */
	uint16_t version; /* to be said in WELCOME; 0: before HELLO */
	bool welcomed;
	uint8_t kind; /* enum km_request */
	enum km_lang lang;
	char login[65];
	uint8_t nonce[32];
	unsigned tries; /* allowed in this login */
	unsigned used;
	unsigned deadline_s; /* for the whole login, as configured */
	bool finger_first;
	struct judge_finger finger;
	struct judge_phone phone;
	unsigned said; /* events and news that the person was told of */
	struct km_slots slots;
	uint8_t at;        /* slot whose prompt is open */
	int64_t opened_ms; /* CLOCK_BOOTTIME, as the next two */
	int64_t deadline_ms;
	int64_t wake_ms; /* 0: nothing is waited for */
	sd_event_source *io;
};

/* What a session does to the world; tests give their own. */
struct judge_ports {
	/* Anything but KM_OK: the client does not read, or is gone. */
	km_rc (*to_client)(struct judge *, struct judge_session *, const struct km_msg *);
	/* KM_EUNAVAIL: no link. KM_ELIMIT: too much is waiting. */
	km_rc (*to_vault)(struct judge *, const struct km_msg *, int pass_fd);
	/* CAPTURE or STOP. KM_EUNAVAIL: there is no sensor. */
	km_rc (*to_sensor)(struct judge *, const struct km_msg *);
	void (*set_deadline)(struct judge *, struct judge_session *, unsigned seconds);
	/* judge_phone_waited() after so long, if the session is still there; 0: not at all. */
	void (*set_wake)(struct judge *, struct judge_session *, unsigned seconds);
	void (*find_origin)(struct judge *, struct judge_session *, struct judge_facts *);
	/*
	 * The session is over: close what belongs to it; nobody may write to it any more.
	 * False: it cannot be closed, and its place stays taken.
	 */
	bool (*let_go)(struct judge *, struct judge_session *);
};

/* Buffers that secrets pass through: locked, wiped after each frame. */
struct judge_frame {
	uint8_t bytes[KM_FRAME_MAX];
	uint8_t sent[JUDGE_FRAME_OUT];
	struct km_msg in;
	struct km_msg out;
};

/* A frame that waits until the vault reads. In locked memory: it may be a CHECK. */
struct judge_queued {
	struct judge_queued *next;
	size_t len;
	int pass_fd; /* a copy of the client's descriptor, or -1 */
	uint8_t bytes[JUDGE_FRAME_OUT];
};

struct judge_link {
	int fd; /* -1: down */
	sd_event_source *io, *retry, *silence;
	struct judge_queued *first, *last;
	unsigned queued;
	unsigned backoff_ms;
	bool heard;  /* HEAD came on this link */
	bool plans;  /* the last login that was opened on it got a plan */
	bool silent; /* nothing came for JUDGE_SILENCE_SECONDS: clients are refused at once */
};

/* Connections that may not be closed, and that only the judge has: farewell.c. */
#define JUDGE_ASIDE     64  /* so many make a child worth its while */
#define JUDGE_ASIDE_MAX 256 /* no child can be had: the judge ends */

struct judge_aside {
	int fd[JUDGE_ASIDE_MAX];
	unsigned count;
};

struct judge {
	sd_event *event;
	struct km_conf conf;
	const struct judge_ports *ports;
	struct judge_limits *limits;
	struct judge_session *sessions; /* JUDGE_SESSIONS of them */
	uint16_t *vacant;               /* indexes of those that are nobody's */
	unsigned vacancies;
	struct judge_frame *frame;
	struct judge_link link;
	struct judge_sensor sensor;
	struct judge_aside aside;
	struct judge_sources senders; /* of descriptors: for the log */
	struct judge_sources turned;  /* away: for the vault */
	sd_event_source *turned_timer;
	struct judge_anchor anchor;
	sd_event_source *anchor_timer;
	bool anchor_failed;           /* said so already */
	struct km_anchor anchor_told; /* what the journal has; seq 0: nothing since the start */
	int64_t anchor_told_ms;       /* CLOCK_BOOTTIME */
	const char *vault_path;
	int64_t vault_uid; /* -1: not checked */
	const char *sensor_path;
	int64_t sensor_uid; /* -1: not checked */
	int64_t owner;      /* -1: none */
	int listen_fd;
	bool rights_kept_out; /* by the kernel: no descriptor of a client's comes in (listen.c) */
	sd_event_source *listen_io, *listen_pause;
	sd_event_source *deadlines; /* of all sessions */
	int64_t deadline_ms;        /* when it fires; INT64_MAX: not */
	bool announced;             /* the ready line was printed */
	bool notified;              /* READY=1 was sent */
};

/* --- session.c -------------------------------------------------------------- */

/* Makes room for the sessions and the frame buffers. */
KM_MUST_CHECK km_rc judge_sessions_init(struct judge *j);
void judge_sessions_free(struct judge *j);

/* A new session in its first phase; NULL when all are taken. fd is the session's from now on. */
struct judge_session *judge_session_new(struct judge *j, int fd, pid_t pid, uid_t uid);

/* The session with this number, or NULL. */
struct judge_session *judge_session_find(struct judge *j, uint32_t id);

/* One frame of a client. The session may be over afterwards: compare its id. */
void judge_session_heard(struct judge *j, struct judge_session *s, const uint8_t *buf, size_t len);

/* Nothing of the client's is left to read: if it said HELLO, it may wait for WELCOME. */
void judge_session_waits(struct judge *j, struct judge_session *s);

/* One frame of the vault about a session. KM_EPROTO: the vault broke the protocol. */
KM_MUST_CHECK km_rc judge_session_told(struct judge *j, uint32_t id, const uint8_t *buf,
				       size_t len);

/* The judge's own refusal: RESULT to the client, CLOSE to the vault, and over. */
void judge_session_refuse(struct judge *j, struct judge_session *s, enum km_reason reason);

/* Over without a word to the client: it has gone, or does not read. */
void judge_session_close(struct judge *j, struct judge_session *s, enum km_reason reason);

/* The link to the vault is lost: all who wait for it are refused. */
void judge_sessions_lost_vault(struct judge *j);

/*
 * What the judge may say in its own name, by reason. No row is ALLOW, and there is no
 * other way to a RESULT: the vault alone allows.
 */
struct km_verdict judge_refusal(unsigned reason);

/* Sends to the client; false: it could not be told, and the session is over. */
KM_MUST_CHECK bool judge_session_tell(struct judge *j, struct judge_session *s,
				      const struct km_msg *m);

/* Sends to the vault; false: it could not be, and the client was refused. */
KM_MUST_CHECK bool judge_session_pass(struct judge *j, struct judge_session *s,
				      const struct km_msg *m, int pass_fd);

/* Over because the vault said so: it has written RESULT, or refuses to say anything. */
void judge_session_over(struct judge *j, struct judge_session *s);

/* --- factors/ ------------------------------------------------------------- */

/*
 * KM_EPROTO: the sender may not say this now; the session is still there.
 * KM_ECLOSED: the session is over for another reason.
 */
typedef km_rc (*judge_handler)(struct judge *, struct judge_session *, const struct km_msg *);

/* One step of a factor: in this phase, this message does that, and then this phase comes. */
struct judge_step {
	unsigned phase;
	uint8_t message;
	judge_handler act;
	unsigned next; /* 0: the handler sets it */
};

struct judge_steps {
	const struct judge_step *row;
	size_t count;
};

extern const struct judge_steps judge_codes_steps, judge_finger_steps, judge_phone_steps;

/* Of codes.c, for a slot that takes something else besides. The first sets the phase. */
KM_MUST_CHECK km_rc judge_codes_ask(struct judge *j, struct judge_session *s);
KM_MUST_CHECK km_rc judge_codes_check(struct judge *j, struct judge_session *s,
				      const struct km_msg *answer);
/* What is said of a code that was not right. */
enum km_text judge_codes_wrong(unsigned reason);

/* --- factors/phone.c ------------------------------------------------------- */

#define JUDGE_SENDS 5 /* in one login: a door takes 96 frames, and the vault has budgets */
#define JUDGE_NEWS_SECONDS                                                                         \
	10 /* as long as a gateway is waited for before the code is asked for                      \
	    */
#define JUDGE_AFTER_ORDER                                                                          \
	30 /* seconds of a login after the code is good for nothing: another factor */

/* Has the vault a code sent; for a slot that has KM_SHAPE_PHONE. Sets the phase. */
KM_MUST_CHECK km_rc judge_phone_send(struct judge *j, struct judge_session *s);
/* Is this the answer that asks for it, where no finger does? */
bool judge_phone_is_asked(const struct judge_session *s, const struct km_secret *answer);
/* Row of session.c: ORDER_NEWS. */
KM_MUST_CHECK km_rc judge_phone_news(struct judge *j, struct judge_session *s,
				     const struct km_msg *m);
/* Nothing was heard for JUDGE_NEWS_SECONDS. */
void judge_phone_waited(struct judge *j, struct judge_session *s);
/* An order, or a request for one, is under way: the next word about this slot is phone.c's. */
bool judge_phone_has_turn(const struct judge_session *s);
/* A verdict of the vault. False: it does not use up a try. */
bool judge_phone_counts(const struct judge_session *s, unsigned reason);
/* The slot was passed: nothing of its order counts any more. */
void judge_phone_passed(struct judge *j, struct judge_session *s);
/* What was heard while the person was asked and has to be said. False: the session is over. */
KM_MUST_CHECK bool judge_phone_say_unsaid(struct judge *j, struct judge_session *s);

/* --- steps.c -------------------------------------------------------------- */

/* Rows of session.c: what the slot's factor makes of it; a plan; a verdict. */
KM_MUST_CHECK km_rc judge_step(struct judge *j, struct judge_session *s, const struct km_msg *m);
KM_MUST_CHECK km_rc judge_step_plan(struct judge *j, struct judge_session *s,
				    const struct km_msg *m);
KM_MUST_CHECK km_rc judge_step_verdict(struct judge *j, struct judge_session *s,
				       const struct km_msg *m);

/* --- drain.c -------------------------------------------------------------- */

typedef km_rc (*judge_hear)(struct judge *, const uint8_t *buf, size_t len);
/*
 * Hands on what has come on a room's link, and wipes it. uid: whose frames count; -1: anybody's.
 * KM_OK: all was read. KM_ECLOSED: the room has gone. Anything else: it is not to be trusted.
 */
KM_MUST_CHECK km_rc judge_drain(struct judge *j, int fd, int64_t uid, const char *room,
				judge_hear hear);

/* --- vault_link.c --------------------------------------------------------- */

#define JUDGE_BACKOFF_MS     50 /* the vault is started again in about this time */
#define JUDGE_BACKOFF_MAX_MS 1000

KM_MUST_CHECK km_rc judge_link_up(struct judge *j);
void judge_link_down(struct judge *j, bool try_again);
KM_MUST_CHECK km_rc judge_link_send(struct judge *j, const struct km_msg *m, int pass_fd);
/* A frame that came on the link. KM_EPROTO: the link is to be closed. */
KM_MUST_CHECK km_rc judge_link_heard(struct judge *j, const uint8_t *buf, size_t len);
/* Tells the vault, or counts until it can be told: never so that a login has to wait. */
void judge_link_turned_away(struct judge *j, enum km_reason reason, uid_t uid);
/* Tells what was counted and is due. False: something is left. now_ms: CLOCK_BOOTTIME. */
bool judge_link_tell_turned(struct judge *j, int64_t now_ms);

/* --- listen.c --------------------------------------------------------------- */

extern const struct judge_ports judge_real_ports;
KM_MUST_CHECK km_rc judge_listen(struct judge *j, int fd);
void judge_listen_end(struct judge *j); /* takes nobody any more; the descriptor stays */
bool judge_is_privileged(const struct judge *j, uid_t uid);

/* --- walls.c -------------------------------------------------------------- */

/*
 * Confines the judge to what it still has to do, when everything fixed is open. False: the
 * kernel refuses, which is in the log. config: the file that a reload reads.
 */
KM_MUST_CHECK bool judge_confine(const struct judge *j, const char *config, const char *anchor_dir);
/* The table of it, for tests: valid as long as path is. */
#define JUDGE_WALL_PATHS 4
struct judge_wall {
	struct km_wall wall;
	struct km_wall_path path[JUDGE_WALL_PATHS];
	char config[PATH_MAX], drop_ins[PATH_MAX];
};
void judge_wall(struct judge_wall *w, const char *config, const char *anchor_dir, bool may_fork);

/* --- farewell.c ----------------------------------------------------------- */

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* newer than many headers; the number of all machines we build for */
#endif

/*
 * Has the kernel kept descriptors out of this connection since it was made? Asked of each one: who
 * connected before the judge said so to the kernel may have sent some.
 */
bool judge_shielded(int fd);

/*
 * The end of a client's connection, without ever closing a descriptor of the client's choosing.
 * shared: the vault may have a copy. False, and only then: it stays open, and with it what was
 * counted for it.
 */
bool judge_farewell(struct judge *j, int fd, uid_t uid, bool shared);

/* --- listen.c, still -------------------------------------------------------- */

/* The ready line and READY=1, once. */
void judge_announce(struct judge *j);
/* READY=1 alone, when the vault does not come: clients are refused, and that works. */
void judge_announce_without_vault(struct judge *j);

/* --- spawn.c -------------------------------------------------------------- */

struct judge_spawn {
	const char *config; /* NULL: the default */
	const char *state_dir;
	const char *socket;
	const char *journal; /* NULL: none */
	int64_t base_uid;    /* of --separate-uids; -1: all rooms are the starter's */
	bool debug;
};

/* Supervises the rooms until it is told to stop. Returns the exit code. */
int judge_spawn(const struct judge_spawn *how);

#endif
