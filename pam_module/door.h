/*
 * The parts of the door (pam_kenmon.so), for each other's eyes only.
 *
 *   pam_kenmon.c  what libpam calls
 *   options.c     the line in the stack
 *   who.c         who wants in, from where, by what PAM and NSS say
 *   link.c        one socket, one deadline
 *   talk.c        the person at the screen
 *   login.c       the exchange, and when ALLOW is believed
 *   keep.c        what outlives one call: the split code, the name let in
 *   split.c       password and code in one field
 *   shelf.c       the locked memory of a call
 */
#ifndef KENMON_DOOR_H
#define KENMON_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <security/pam_modules.h>

#include <kenmon/rc.h>
#include <kenmon/secret.h>
#include <kenmon/texts.h>
#include <kenmon/wire.h>

/* The daemon's part of a login is one commit; thirty seconds forgive a restart and a slow disk. */
#define DOOR_TIMEOUT     30
#define DOOR_TIMEOUT_MAX 600
/* A person who is to touch a reader or take a call is waited for besides, as whoever types is: the
 * longest [voice] ring of kenmon.conf, a minute for the keys, and fifteen seconds for the rooms
 * behind it. */
#define DOOR_PERSON 195
/* Recording a session must not hold up a desktop. */
#define DOOR_SESSION_TIMEOUT 2
/* What the judge puts before the service of a caller who is not root. */
#define DOOR_USER_SERVICE "user/"
/* The largest frame a door may get (PROMPT, INFO: 600) fits with room for a newer one. */
#define DOOR_FRAME_MAX 1024
/* Ten tries with an INFO and a PROMPT each, five codes sent, what is said of a finger or an order,
 * and some; a peer that chats on is no daemon of ours. */
#define DOOR_FRAMES 96
/* Questions for one prompt while answers cannot be codes. */
#define DOOR_ASK_MAX 3

/* --- options.c ------------------------------------------------------------ */

struct door_options {
	const char *socket; /* lives as long as argv */
	const char *daemon; /* as given: a name or a number */
	uid_t daemon_uid;   /* whose stamp makes ALLOW true */
	unsigned timeout;   /* seconds of waiting for the daemon in one call, all waits together */
	bool lang_given;
	enum km_lang lang;
	unsigned split; /* 0: not given */
	bool debug;
};

/* False, after saying in syslog what is wrong, when the line is not right; *out is then untouched.
 */
bool door_options_parse(pam_handle_t *pamh, int argc, const char **argv, struct door_options *out);

/* --- who.c ---------------------------------------------------------------- */

enum door_found { DOOR_NOT_FOUND, DOOR_FOUND, DOOR_FIND_FAILED };

/* One look into NSS. same_name: the account is spelled like this. Both are set only when found. */
enum door_found door_account(const char *name, uid_t *uid, bool *same_name);

/*
 * Fills login (all but kind, lang and nonce). A name that cannot be an operator's becomes
 * login "" and uid UINT32_MAX, so that the same questions follow as for everybody.
 * Returns a PAM code; PAM_SUCCESS says only that the fields are filled.
 */
int door_who(pam_handle_t *pamh, struct msg_login *login);

/* Whether PAM_USER, read again, is this name of an account. */
bool door_is_still(pam_handle_t *pamh, const struct msg_login *login);

/* --- link.c --------------------------------------------------------------- */

struct door_link {
	int fd;          /* -1: none */
	int64_t budget;  /* milliseconds of waiting left */
	int64_t person;  /* of them besides, until the next frame, since a person has to act */
	unsigned frames; /* received so far */
};

/* Connects with SO_PASSCRED set before the first byte. KM_EUNAVAIL, KM_ETIMEOUT. */
KM_MUST_CHECK km_rc door_link_open(struct door_link *link, const char *path, unsigned seconds);
KM_MUST_CHECK km_rc door_link_send(struct door_link *link, const struct km_msg *m);
/* The next message for this phase, with the kernel's stamp. KM_ETIMEOUT, KM_ECLOSED, KM_EPROTO. */
KM_MUST_CHECK km_rc door_link_recv(struct door_link *link, unsigned phase, struct km_msg *m,
				   struct km_stamp *stamp);
/* Whether something came that nobody has read yet. Does not wait. */
bool door_link_ready(const struct door_link *link);
/* The wait for the next frame is a person's, up to DOOR_PERSON seconds, and not the daemon's. */
void door_link_wait_for_person(struct door_link *link);
/* CLOCK_BOOTTIME for door_link_in_time(): whether it is no more than DOOR_PERSON seconds ago. */
int64_t door_link_clock(void);
bool door_link_in_time(int64_t begun);
void door_link_close(struct door_link *link); /* more than once does no harm */

/* --- talk.c --------------------------------------------------------------- */

/*
 * Asks. PAM_SUCCESS: answer is set. PAM_CONV_ERR: the conversation is missing, failed, or gave
 * nothing or more than KM_SECRET_MAX bytes. Its memory is wiped before it is freed.
 */
int door_ask(pam_handle_t *pamh, const char *text, bool echo, struct km_secret *answer);

/* Shows a sentence; nothing for "" or under PAM_SILENT. Nothing depends on whether it was seen. */
void door_say(pam_handle_t *pamh, int flags, bool error, const char *text);

/* --- login.c -------------------------------------------------------------- */

/* One exchange with the daemon. Returns a PAM code; PAM_SUCCESS: the vault said ALLOW. */
int door_login(pam_handle_t *pamh, int flags, enum km_request kind, const struct door_options *opt);

/* The PAM code of a byte in RESULT, by verdict.def; PAM_AUTHINFO_UNAVAIL for any other byte. */
int door_pam_code(unsigned verdict, enum km_request kind);

/* --- keep.c --------------------------------------------------------------- */

/* Keeps code for a later line of this stack. False: no memory, nothing kept. */
bool door_keep_code(pam_handle_t *pamh, const struct km_secret *code);
/* Moves the kept code into answer when it fits one of shapes; it is gone then. */
bool door_take_code(pam_handle_t *pamh, unsigned shapes, struct km_secret *answer);
void door_drop_code(pam_handle_t *pamh);

/* Remembers who was let in. False: no memory. */
bool door_keep_name(pam_handle_t *pamh, const char *login);
/* False when this handle let in somebody, and it was not login. */
bool door_kept_name_is(pam_handle_t *pamh, const char *login);

/* --- shelf.c -------------------------------------------------------------- */

/* Bytes of a page. With the mark of shelf.c it is one where pages have 4 KiB. */
#define DOOR_PAGE 4095

/*
 * A page as of km_locked_new(): zeroed, locked, wiped in a child; NULL when there is none. What is
 * freed is wiped, and up to 64 pages stay with the program for its next calls. Threads may call
 * both.
 */
void *door_page_new(void);
void door_page_free(void *page);

/* --- split.c -------------------------------------------------------------- */

/* Cuts the code off PAM_AUTHTOK. It judges nothing, so it has nothing to return. */
void door_split(pam_handle_t *pamh, const struct door_options *opt);

#endif
